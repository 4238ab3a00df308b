"""Table 1 of the few-shot paper of SoundBeam: four trainings, two kinds of query."""

from __future__ import annotations

from ..paper_table import EMPTY, PAPER_TABLES, Claim, Measured, PaperCell, PaperRow, PaperTable, Quoted

_MODELS = ("1hot", "enrl", "mixed", "mixed_el")


def _ours(system: str) -> Measured:
    return Measured(system=system, metric="sdri")


def _row(query: str, titles: dict[str, str]) -> PaperRow:
    cells = []
    for model in _MODELS:
        if model not in titles:
            cells.append(EMPTY)
            continue
        quoted = Quoted(
            system=f"soundbeam_{model}", variant=f"query={query}", condition="FMQ 1:0", metric="sdri"
        )
        cells.append(PaperCell(_ours(titles[model]), quoted))
    return PaperRow(names=({"1-hot": "1-hot", "enrollment": "Enrl"}[query],), cells=tuple(cells))


PAPER_TABLES.register("soundbeam_table1")(
    PaperTable(
        title="SoundBeam, few-shot paper (Delcroix et al., 2021), Table 1: SDR improvement in dB "
        "on mixtures of seen classes, by embedding at test time",
        paper="soundbeam_fewshot",
        table="Table 1",
        stub=("embedding",),
        columns=("1-hot", "Enrl", "Mixed", "Mixed+EL"),
        rows=(
            _row(
                "1-hot",
                {
                    "1hot": "soundbeam_1hot",
                    "mixed": "soundbeam_mixed_1hot",
                    "mixed_el": "soundbeam_mixed_el_1hot",
                },
            ),
            _row(
                "enrollment",
                {
                    "enrl": "soundbeam_enrl",
                    "mixed": "soundbeam_mixed_enrl",
                    "mixed_el": "soundbeam_mixed_el_enrl",
                },
            ),
        ),
        claims=(
            Claim(
                text="1-hot training beats enrollment training",
                better=_ours("soundbeam_1hot"),
                worse=_ours("soundbeam_enrl"),
            ),
            Claim(
                text="mixed training beats 1-hot training, asked by class",
                better=_ours("soundbeam_mixed_1hot"),
                worse=_ours("soundbeam_1hot"),
            ),
            Claim(
                text="mixed training with the embedding loss beats 1-hot training, asked by class",
                better=_ours("soundbeam_mixed_el_1hot"),
                worse=_ours("soundbeam_1hot"),
            ),
            Claim(
                text="the embedding loss helps mixed training, asked by class",
                better=_ours("soundbeam_mixed_el_1hot"),
                worse=_ours("soundbeam_mixed_1hot"),
            ),
            Claim(
                text="mixed training beats enrollment training, asked by enrollment",
                better=_ours("soundbeam_mixed_enrl"),
                worse=_ours("soundbeam_enrl"),
            ),
            Claim(
                text="a mixed network answers classes better than enrollments",
                better=_ours("soundbeam_mixed_1hot"),
                worse=_ours("soundbeam_mixed_enrl"),
            ),
        ),
    )
)
