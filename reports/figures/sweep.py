"""Metrics over the levels of sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import stratum_name
from ..tables.sweeps import NONE, Curve, SweepCurves, sweeps
from .registry import FIGURES, LeftOut, Plot
from .shared.columns import PlotColumn, lone_remark, record, remarks
from .shared.lines import RING, draw_lines
from .shared.style import looks


@FIGURES.register("sweep")
def sweep(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Each metric over the levels of each sweep, the plain set first."""
    found = sweeps(board)
    for shown in found:
        yield _plot(board, shown)
    if not found:
        yield LeftOut("all", "no run has a `sweep`")


def _plot(board: Leaderboard, shown: SweepCurves) -> Plot:
    plain = shown.tables[0]
    column = PlotColumn(board=board, table=plain, index=plain.columns.index(shown.column), looks=looks(board))
    data = pd.DataFrame([line for curve in shown.curves for line in _lines(shown, curve)])
    data = data.sort_values(["system", "place"], ignore_index=True)
    missing = remarks(
        (f"{curve.system} at {level}", cell, table.n_trials)
        for curve in shown.curves
        for level, cell, table in zip(shown.levels, curve.cells, shown.tables, strict=True)
        if cell is not None
    )
    trials = ", ".join(f"{level}: {table.n_trials}" for level, table in zip(shown.levels, shown.tables, strict=True))
    caption = (
        f"{column.label} over the {shown.axis}; {stratum_name(shown.dataset, shown.condition)}. Level {NONE} is the "
        f"plain set, whose reference holds at every level. Trials: {trials}. Means with {column.bounds}."
        f"{lone_remark(data, RING)}{missing}"
    )
    places = list(range(len(shown.levels)))
    draw = partial(draw_lines, column, data, places=places, names=shown.levels, xlabel=shown.axis, apart=0)
    return Plot(column.name(shown.name, shown.column.key), caption, data, draw)


def _lines(shown: SweepCurves, curve: Curve) -> Iterator[dict[str, object]]:
    """Means and paired differences of a system, one line for each level."""
    for place, (cell, difference) in enumerate(zip(curve.cells, curve.differences, strict=True)):
        if cell is None:
            continue
        gaps = {
            "difference": difference.mean if difference else None,
            "difference_low": difference.ci_low if difference else None,
            "difference_high": difference.ci_high if difference else None,
            "p_adjusted": difference.p_adjusted if difference else None,
            "n_paired": difference.n if difference else None,
        }
        yield {"place": place, "level": shown.levels[place], **record(cell), **gaps}
