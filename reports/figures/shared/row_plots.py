"""Plots of single trials with one row for each system: long names have room at the side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...leaderboard.board import Leaderboard
from ..registry import LeftOut, Plot
from .columns import PlotColumn, Spread, primaries
from .style import Look, grid_along, one_axes, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_IN = 0.2
_TEXT_LINE_IN = 0.12
_NAME = 24  # letters of a line of a name

Mark = Callable[["Axes", NDArray[np.float64], float, Look], Any]
"""Draws the values of one system at a height."""


def plots_of_rows(board: Leaderboard, mark: Mark, *, legend: str) -> Iterator[Plot | LeftOut]:
    """One plot of the primary metric for each table; `legend` is the sentence that explains the marks."""
    for shown in primaries(board):
        data = shown.values()
        spread = shown.spread(data) if len(data) else None
        if spread is None or not any(len(values) for _, values in spread):
            yield LeftOut(shown.name(), "no single trial has a value")
            continue
        caption = f"{shown.label} of single trials; {shown.heading}. {legend}"
        caption += f"{shown.remarks}{spread.scale.remark}"
        yield Plot(shown.name(), caption, data, partial(_draw, shown, spread, mark))


def _draw(shown: PlotColumn, spread: Spread, mark: Mark) -> Figure:
    labels = shown.legend(spread.scale, [*spread.systems, *spread.scale.off])
    names = [wrap(label, _NAME) for label in labels]
    tops = np.cumsum([0.0, *(max(ROW_IN, _TEXT_LINE_IN * (n.count("\n") + 1) + 0.04) for n in names)])
    middles = -(tops[:-1] + tops[1:]) / 2.0
    fig, axes = one_axes(height_in=float(tops[-1]) + 0.45)
    for (system, values), height in zip(spread, middles, strict=False):
        mark(axes, values, float(height), shown.looks[system])
    axes.set_yticks(middles, names)
    axes.set(xlim=(spread.scale.low, spread.scale.high), ylim=(-tops[-1], 0.0), xlabel=shown.label)
    axes.tick_params(axis="y", length=0)
    grid_along(axes, "x")
    return fig
