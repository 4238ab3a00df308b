"""Table 2 of the few-shot paper of SoundBeam: seen and new classes, without and with adaptation."""

from __future__ import annotations

from collections.abc import Iterator

from ..paper_table import EMPTY, PAPER_TABLES, Claim, Measured, PaperCell, PaperRow, PaperTable, Quoted

_SHOTS = (1, 5, 10)


def _seen(system: str) -> Measured:
    return Measured(system=system, metric="sdri", role="seen")


def _new(system: str, shots: int) -> Measured:
    return Measured(system=system, metric="sdri", role=f"K={shots}")


def _quoted(system: str, variant: str) -> Quoted:
    return Quoted(system=system, variant=variant, condition="FMQ 1:0", metric="sdri")


def _model(name: str, system: str, *, new: bool = True) -> PaperRow:
    """A network without adaptation: seen classes by class, new ones by their clips."""
    cells = [PaperCell(_seen(system), _quoted(system, "seen classes"))]
    for shots in _SHOTS:
        quoted = _quoted(system, f"new classes K={shots}")
        cells.append(PaperCell(_new(system, shots), quoted) if new else EMPTY)
    return PaperRow(names=(name,), cells=tuple(cells))


def _adapted(name: str, init: str, seen: Measured | None) -> PaperRow:
    cells = [PaperCell(seen)]
    for shots in _SHOTS:
        quoted = _quoted("soundbeam_mixed_el_adapt", f"{init} init K={shots}")
        cells.append(PaperCell(_new(f"adapt_{init}_{shots}", shots), quoted))
    return PaperRow(names=(name,), cells=tuple(cells))


def _claims() -> Iterator[Claim]:
    yield Claim(
        text="mixed training with the embedding loss beats 1-hot training on seen classes",
        better=_seen("soundbeam_mixed_el"),
        worse=_seen("soundbeam_1hot"),
    )
    for shots in _SHOTS[1:]:
        yield Claim(
            text=f"mixed training beats enrollment training on new classes, K = {shots}",
            better=_new("soundbeam_mixed", shots),
            worse=_new("soundbeam_enrl", shots),
        )
    yield Claim(
        text="ten clips are better than one, without adaptation",
        better=_new("soundbeam_mixed_el", 10),
        worse=_new("soundbeam_mixed_el", 1),
    )
    for shots in _SHOTS:
        yield Claim(
            text=f"average initialisation beats random initialisation, K = {shots}",
            better=_new(f"adapt_avg_{shots}", shots),
            worse=_new(f"adapt_rnd_{shots}", shots),
        )
    for shots in _SHOTS:
        yield Claim(
            text=f"adaptation from the average beats no adaptation, K = {shots}",
            better=_new(f"adapt_avg_{shots}", shots),
            worse=_new("soundbeam_mixed_el", shots),
        )
    for init in ("rnd", "avg"):
        yield Claim(
            text=f"adaptation ({init}) leaves the answers for seen classes as they were",
            better=_seen(f"adapt_{init}_10"),
            worse=_seen("soundbeam_mixed_el"),
            same=True,
        )


PAPER_TABLES.register("soundbeam_table2")(
    PaperTable(
        title="SoundBeam, few-shot paper (Delcroix et al., 2021), Table 2: SDR improvement in dB "
        "on mixtures with a new class",
        paper="soundbeam_fewshot",
        table="Table 2",
        stub=("model",),
        columns=("seen", *(f"new, K = {shots}" for shots in _SHOTS)),
        rows=(
            _model("1-hot", "soundbeam_1hot", new=False),
            _model("Enrl", "soundbeam_enrl"),
            _model("Mixed", "soundbeam_mixed"),
            _model("Mixed + EL", "soundbeam_mixed_el"),
            _adapted("+ adapt (rnd init)", "rnd", _seen("adapt_rnd_10")),
            _adapted("+ adapt (avg init)", "avg", _seen("adapt_avg_10")),
        ),
        claims=tuple(_claims()),
    )
)
