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
    """Draw one line for each system: `data` has columns place and `COLUMNS`, sorted by system and place.

    Ticks at `places`, one apart, have the `names`.
    """
    fig, axes = one_axes()
    scale = shown.scale(data)
    handles = []
    systems = sorted(map(str, data["system"].unique()))
    for index, system in enumerate(systems):
        own, look = data[data["system"] == system], shown.looks[system]
        shift = _SPREAD * (index / max(1, len(systems) - 1) - 0.5)
        style = {"label": look.label, "linestyle": look.dash, "markersize": None, "capsize": 1.2}
        handles.append(draw_point(axes, own["place"] + shift, own, look, **style))
    axes.set_xticks(list(places), list(names))
    axes.set(xlim=(min(places) - 0.4, max(places) + 0.4), ylim=(scale.low, scale.high))
    axes.set(xlabel=xlabel, ylabel=shown.label)
    legend_below(fig, handles, shown.legend(scale, systems))
    return fig
