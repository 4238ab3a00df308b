"""Means with intervals as marks and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from .columns import PlotColumn, errors
from .style import Look, legend_below, one_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SPREAD = 0.2  # of the distance of two places: whiskers of different systems stay apart


def draw_point(axes: Axes, x: pd.Series[float], own: pd.DataFrame, look: Look, **more: Any) -> Any:
    """Mark a system at `x` with the interval of its mean; returns the handle for a legend."""
    style = {"linestyle": "none", "markersize": 5, "elinewidth": 0.6, "capsize": 1.5, **more}
    return axes.errorbar(x, own["mean"], yerr=errors(own), color=look.colour, marker=look.marker, **style)


def draw_lines(
    shown: PlotColumn, data: pd.DataFrame, *, places: Sequence[float], names: Sequence[str], xlabel: str
) -> Figure:
    """Draw one line for each system.

    Args:
        shown: the metric.
        data: columns place and `COLUMNS`, sorted by system and place.
        places: positions of the ticks, one apart.
        names: text at each tick.
        xlabel: label of the axis of the places, with its unit.
    """
    fig, axes = one_axes()
    scale = shown.scale(data)
    handles = []
    systems = [str(name) for name in sorted(data["system"].unique())]
    for index, system in enumerate(systems):
        own, look = data[data["system"] == system], shown.looks[system]
        shift = _SPREAD * (index / max(1, len(systems) - 1) - 0.5)
        handles.append(
            axes.errorbar(
                own["place"].to_numpy(float) + shift,
                own["mean"].to_numpy(float),
                yerr=errors(own),
                label=look.label,
                color=look.colour,
                linestyle=look.dash,
                marker=look.marker,
                elinewidth=0.6,
                capsize=1.2,
            )
        )
    axes.set_xticks(list(places), list(names))
    axes.set(xlim=(min(places) - 0.4, max(places) + 0.4), ylim=(scale.low, scale.high))
    axes.set(xlabel=xlabel, ylabel=shown.label)
    legend_below(fig, handles, shown.legend(scale, systems))
    return fig
