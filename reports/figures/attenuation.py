"""How much is left where the target is absent: the distribution of attenuation over trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..leaderboard.board import Column, Leaderboard, Table
from ..leaderboard.wording import title
from .registry import FIGURES, LeftOut, Plot
from .shared.cells import label, remarks
from .shared.style import Look, figure, legend_below, looks
from .shared.values import Spread, spread_of, values_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@FIGURES.register("attenuation")
def attenuation(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Distribution of metrics of absent targets, such as attenuation, over trials."""
    styles, found = looks(board), False
    for table in board.tables:
        for index, column in enumerate(table.columns):
            if column.facts.scope == "absent":
                found = True
                yield _plot(board, table, index, styles)
    if not found:
        yield LeftOut(name="all", reason="no metric of absent targets (such as attenuation)")


def _plot(board: Leaderboard, table: Table, index: int, styles: Mapping[str, Look]) -> Plot | LeftOut:
    column = table.columns[index]
    name = f"{table.dataset}_{table.condition}_{column.key}"
    data = values_of(board, table, column)
    if data.empty:
        return LeftOut(name=name, reason="no single trial has a value")
    spread = spread_of(data, table, index, styles)
    told = remarks((e.system, e.cells[index], table.n_trials) for e in table.entries)
    beyond = "".join(f" {name} is off the scale: {m}." for name, m in spread.scale.off.items())
    return Plot(
        name=name,
        caption=(
            f"Share of the trials without a target whose {label(column)} is at most the value of "
            f"the axis; {title(table)}, {table.n_trials} trials.{told}{beyond}"
        ),
        data=data,
        draw=partial(_draw, spread, column, styles),
    )


def _draw(spread: Spread, column: Column, styles: Mapping[str, Look]) -> Figure:
    fig = figure()
    axes = fig.subplots()
    handles: list[Any] = []
    for place, (system, values) in enumerate(spread):
        look = styles[system]
        x = np.sort(values)
        y = 100.0 * np.arange(1, len(x) + 1) / len(x)
        step = max(1, len(x) // 4)
        handles += axes.plot(
            np.concatenate([[spread.scale.low], x, [spread.scale.high]]),
            np.concatenate([[0.0], y, [100.0]]),
            drawstyle="steps-post",
            color=look.colour,
            linestyle=look.dash,
            marker=look.marker,
            # At values, each system at others: never at the ends, which are those of the axis.
            markevery=list(range(1 + place % step, 1 + len(x), step)),
        )
    for system in spread.scale.off:
        look = styles[system]
        handles += axes.plot([], [], color=look.colour, linestyle=look.dash, marker=look.marker)
    axes.set_xlim(spread.scale.low, spread.scale.high)
    axes.set_ylim(0.0, 102.0)
    axes.set_xlabel(label(column))
    axes.set_ylabel("trials at or below [%]")
    names = [*spread.systems, *spread.scale.off]
    legend_below(fig, handles, [spread.scale.label(name, styles[name]) for name in names])
    return fig
