"""Table II of the on/off-screen paper: complex interference."""

from __future__ import annotations

from ..paper_table import PAPER_TABLES, PaperRow, PaperTable
from .shared.offscreen import PAPER, cells

_METHODS = {
    "Baseline A": ("baseline_a", "av_baseline_a"),
    "Proposed A": ("proposed_a_am_ms", "av_proposed_a"),
    "Baseline r": ("baseline_r", "av_baseline_r"),
    "Proposed r": ("proposed_r_am_ms", "av_proposed_r"),
}


def _rows(scenario: str, *, rule: bool) -> tuple[PaperRow, ...]:
    return tuple(
        PaperRow(
            names=("" if place else scenario, name),
            cells=tuple(cells(ours, published, "", scenario)),
            rule=rule and not place,
        )
        for place, (name, (ours, published)) in enumerate(_METHODS.items())
    )


PAPER_TABLES.register("av_table2")(
    PaperTable(
        title="On-screen and off-screen extraction (Yoshinaga et al.), Table II: complex interference",
        paper=PAPER,
        table="Table II",
        stub=("interference", "method"),
        columns=("SI-SDRi dB ↑", "SDRi dB ↑"),
        rows=(*_rows("noise+spk", rule=False), *_rows("2spk", rule=True)),
    )
)
