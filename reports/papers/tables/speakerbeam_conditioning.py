"""The conditioning of SpeakerBeam, as the tutorial's slides give it, and further ways besides."""

from __future__ import annotations

from ..paper_table import PAPER_TABLES, Claim, Measured, PaperCell, PaperRow, PaperTable, Quoted


def _ours(system: str) -> Measured:
    return Measured(system=system, metric="sdri")


def _rows(name: str, system: str, published: str, *, rule: bool) -> tuple[PaperRow, PaperRow]:
    """i-vectors and jointly learned embeddings."""
    given, learned = (
        PaperCell(_ours(title), Quoted(system="speakerbeam", variant=f"{published} + {kind}", metric="sdri"))
        for title, kind in ((_with_i_vector(system), "i-vector"), (system, "jointly learned"))
    )
    return (
        PaperRow(names=(name, "i-vector"), cells=(given,), rule=rule),
        PaperRow(names=("", "jointly learned"), cells=(learned,)),
    )


def _with_i_vector(system: str) -> str:
    return f"{system}_i_vector"


def _learned_is_better(text: str, system: str) -> Claim:
    return Claim(
        text=f"{text}: a jointly learned embedding beats the i-vector",
        better=_ours(system),
        worse=_ours(_with_i_vector(system)),
    )


def _further(name: str, system: str, *, rule: bool = False) -> PaperRow:
    cells = (PaperCell(_ours(system)),)
    return PaperRow(names=(name, "jointly learned"), cells=cells, rule=rule)


PAPER_TABLES.register("speakerbeam_conditioning")(
    PaperTable(
        title="SpeakerBeam (Zmolikova et al., 2017 and 2019), conditioning and speaker "
        "representation: SDR improvement in dB",
        paper="tutorial_slides",
        table="SpeakerBeam",
        stub=("conditioning", "speaker representation"),
        columns=("SDRi ↑",),
        rows=(
            *_rows("Input bias", "input_bias", "input bias", rule=False),
            *_rows("Factorized", "factorised", "factorized", rule=True),
            *_rows("Multiplicative", "multiplication", "multiplicative", rule=True),
            _further("Addition", "addition", rule=True),
            _further("Concatenation", "concatenation"),
            _further("FiLM", "film"),
            _further("Attention", "attention"),
        ),
        claims=(
            Claim(
                text="the factorised layer beats the input bias",
                better=_ours("factorised"),
                worse=_ours("input_bias"),
            ),
            Claim(
                text="multiplication beats the input bias",
                better=_ours("multiplication"),
                worse=_ours("input_bias"),
            ),
            Claim(
                text="the factorised layer beats multiplication",
                better=_ours("factorised"),
                worse=_ours("multiplication"),
            ),
            _learned_is_better("input bias", "input_bias"),
            _learned_is_better("factorised layer", "factorised"),
            _learned_is_better("multiplication", "multiplication"),
        ),
    )
)
