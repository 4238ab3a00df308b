"""Means with intervals as marks and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from .columns import LONE, PlotColumn, errors, lone
from .style import Look, legend_below, one_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SPREAD = 0.2  # of the distance of two places: whiskers of different systems stay apart


RING = "Ringed"
_RING: dict[str, Any] = {"marker": "o", "markersize": 8, "markerfacecolor": "none", "markeredgewidth": 0.7}


def draw_point(axes: Axes, x: pd.Series[float], own: pd.DataFrame, look: Look, **more: Any) -> Any:
    """Mark a system at `x` with the interval of its mean, or a ring without one; returns the handle for a legend."""
    style = {"linestyle": "none", "markersize": 5, "elinewidth": 0.6, "capsize": 1.5, **more}
    single = lone(own)
    if single.any():
        axes.plot(x[single], own["mean"][single], linestyle="none", markeredgecolor=look.colour, **_RING)
    return axes.errorbar(x, own["mean"], yerr=errors(own), color=look.colour, marker=look.marker, **style)


def ring_handle(*data: pd.DataFrame) -> tuple[list[Any], list[str]]:
    """Handle and name of the ring for a legend, if any of the means has one."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    if not any(lone(each).any() for each in data):
        return [], []
    return [Line2D([], [], linestyle="none", markeredgecolor="#000000", **_RING)], [LONE]


def draw_lines(
    shown: PlotColumn,
    data: pd.DataFrame,
    *,
    places: Sequence[float],
    names: Sequence[str],
    xlabel: str,
    apart: float | None = None,
) -> Figure:
    """Draw one line for each system.

    Args:
        data: columns place and `COLUMNS`, sorted by system and place.
        places: of the ticks, one apart.
        names: of the ticks.
        apart: place whose mark the line does not reach, since it is none of the scale.
    """
    fig, axes = one_axes()
    scale = shown.scale(data)
    handles = []
    systems = sorted(map(str, data["system"].unique()))
    for index, system in enumerate(systems):
        own, look = data[data["system"] == system], shown.looks[system]
        shift = _SPREAD * (index / max(1, len(systems) - 1) - 0.5)
        style = {"label": look.label, "markersize": None, "capsize": 1.2}
        alone = own["place"] == apart
        if alone.any():
            draw_point(axes, own["place"][alone] + shift, own[alone], look, **style)
        line = own[~alone]
        handles.append(draw_point(axes, line["place"] + shift, line, look, **style, linestyle=look.dash))
    axes.set_xticks(list(places), list(names))
    axes.set(xlim=(min(places) - 0.4, max(places) + 0.4), ylim=(scale.low, scale.high))
    axes.set(xlabel=xlabel, ylabel=shown.label)
    ring, name = ring_handle(data)
    legend_below(fig, [*handles, *ring], [*shown.legend(scale, systems), *name])
    return fig
