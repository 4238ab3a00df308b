"""Distribution over trials of attenuation and other metrics of absent targets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..leaderboard.board import Leaderboard
from .registry import FIGURES, LeftOut, Plot
from .shared.columns import PlotColumn, Spread, columns_of
from .shared.style import legend_below, one_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@FIGURES.register("attenuation")
def attenuation(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Distribution of metrics of absent targets, such as attenuation, over trials."""
    found = [shown for shown in columns_of(board) if shown.column.facts.scope == "absent"]
    yield from map(_plot, found)
    if not found:
        yield LeftOut("all", "no metric of absent targets (such as attenuation)")


def _plot(shown: PlotColumn) -> Plot | LeftOut:
    name, data = shown.name(shown.column.key), shown.values()
    if data.empty:
        return LeftOut(name, "no single trial has a value")
    spread = shown.spread(data)
    caption = (
        f"Share of the trials without a target whose {shown.label} is at most the value of the axis; {shown.heading}."
        f"{shown.remarks}{spread.scale.remark}"
    )
    return Plot(name, caption, data, partial(_draw, shown, spread))


def _draw(shown: PlotColumn, spread: Spread) -> Figure:
    fig, axes = one_axes()
    handles: list[Any] = []
    for place, (system, values) in enumerate(spread):
        look = shown.looks[system]
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
            # Markers at values only, not at the ends of the axis; systems start at different ones.
            markevery=list(range(1 + place % step, 1 + len(x), step)),
        )
    for look in (shown.looks[system] for system in spread.scale.off):
        handles += axes.plot([], [], color=look.colour, linestyle=look.dash, marker=look.marker)
    axes.set(xlim=(spread.scale.low, spread.scale.high), ylim=(0.0, 102.0))
    axes.set(xlabel=shown.label, ylabel="trials at or below [%]")
    legend_below(fig, handles, shown.legend(spread.scale, [*spread.systems, *spread.scale.off]))
    return fig
