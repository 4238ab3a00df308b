"""Table I of the on/off-screen paper: attention mechanism (AM) and muting strategy (MS)."""

from __future__ import annotations

from ..paper_table import PAPER_TABLES, Measured, PaperCell, PaperRow, PaperTable, Quoted
from .shared.offscreen import PAPER, cells

_SWITCHES = (("-", "-"), ("-", "x"), ("x", "-"), ("x", "x"))


def _row(name: str, ours: str, published: str, variant: str, *, rule: bool) -> PaperRow:
    """A line with the switches that its variant names, if it names them."""
    switches = variant.removeprefix("AM=").replace(" MS=", " ").split() if "AM=" in variant else []
    am, ms = switches or ("-", "-")
    marks = {"x": "✓", "-": "–"}
    own = Measured(system=ours, metric="params", condition="")
    size = PaperCell(own, Quoted(system=published, metric="params"))
    return PaperRow(
        names=(name, marks[am], marks[ms]),
        cells=(*cells(ours, published, variant, "noise"), *cells(ours, published, variant, "spk"), size),
        rule=rule,
    )


def _proposed(letter: str) -> tuple[PaperRow, ...]:
    return tuple(
        _row(
            f"Proposed {letter}",
            f"proposed_{letter.lower()}" + "_am" * (am == "x") + "_ms" * (ms == "x"),
            f"av_proposed_{letter.lower()}",
            f"AM={am} MS={ms}",
            rule=False,
        )
        for am, ms in _SWITCHES
    )


PAPER_TABLES.register("av_table1")(
    PaperTable(
        title="On-screen and off-screen extraction (Yoshinaga et al.), Table I: environmental "
        "noise and an interfering speaker",
        paper=PAPER,
        table="Table I",
        stub=("method", "AM", "MS"),
        columns=(
            "noise: SI-SDRi dB ↑",
            "noise: SDRi dB ↑",
            "spk: SI-SDRi dB ↑",
            "spk: SDRi dB ↑",
            "params (M) ↓",
        ),
        rows=(
            _row("Baseline A", "baseline_a", "av_baseline_a", "AV-ConvTasNet + WASE", rule=False),
            *_proposed("A"),
            _row("Baseline r", "baseline_r", "av_baseline_r", "reentry + SpEx++", rule=True),
            *_proposed("r"),
        ),
    )
)
