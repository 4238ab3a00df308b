"""A line for each system, one below the other: long names have room at the side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...leaderboard.board import Column, Leaderboard
from ...leaderboard.wording import title
from ..registry import LeftOut, Plot
from .cells import label, primaries, remarks
from .style import COLUMN_IN, Look, figure, grid_along, looks, wrap
from .values import Spread, spread_of, values_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_IN, _TEXT_LINE_IN = 0.2, 0.12
_NAME = 24  # letters of a line of a name

# Draws the values of one system at a height.
Mark = Callable[["Axes", NDArray[np.float64], float, Look], Any]


def plots_of_rows(board: Leaderboard, mark: Mark, *, what: str) -> Iterator[Plot | LeftOut]:
    """One plot of the primary metric for each table.

    Args:
        board: the leaderboard.
        mark: what stands in each line.
        what: the sentence that explains the marks.
    """
    styles = looks(board)
    for table, column, index in primaries(board):
        data = values_of(board, table, column)
        name = f"{table.dataset}_{table.condition}"
        spread = spread_of(data, table, index, styles) if len(data) else None
        if spread is None or not any(len(values) for _, values in spread):
            yield LeftOut(name=name, reason="no single trial has a value")
            continue
        told = remarks((e.system, e.cells[index], table.n_trials) for e in table.entries)
        beyond = "".join(f" {name} is off the scale: {m}." for name, m in spread.scale.off.items())
        caption = f"{label(column)} of single trials; {title(table)}, {table.n_trials} trials. {what}"
        yield Plot(
            name=name,
            caption=f"{caption}{told}{beyond}",
            data=data,
            draw=partial(_draw, spread, column, styles, mark),
        )


def _draw(spread: Spread, column: Column, styles: Mapping[str, Look], mark: Mark) -> Figure:
    names = [wrap(styles[system].label, _NAME) for system in spread.systems]
    names += [wrap(f"{styles[s].label} (off scale: {m})", _NAME) for s, m in spread.scale.off.items()]
    lines = [name.count("\n") + 1 for name in names]
    tops = np.cumsum([0.0, *(max(_ROW_IN, _TEXT_LINE_IN * n + 0.04) for n in lines)])
    middles = -(tops[:-1] + tops[1:]) / 2.0
    fig = figure(width_in=COLUMN_IN, height_in=float(tops[-1]) + 0.45)
    axes = fig.subplots()
    for (system, values), height in zip(spread, middles, strict=False):
        mark(axes, values, float(height), styles[system])
    axes.set_yticks(middles, names)
    axes.set_ylim(-tops[-1], 0.0)
    axes.set_xlim(spread.scale.low, spread.scale.high)
    axes.set_xlabel(label(column))
    axes.tick_params(axis="y", length=0)
    grid_along(axes, "x")
    return fig


ROW_IN = _ROW_IN
