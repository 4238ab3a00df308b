"""Means with intervals over a few places, a line for each system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ...leaderboard.board import Column
from .axes import scale_of
from .cells import errors, label
from .style import Look, figure, legend_below

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SPREAD = 0.2  # of the distance of two places: whiskers of different systems stay apart


def draw_lines(
    data: pd.DataFrame,
    column: Column,
    styles: Mapping[str, Look],
    *,
    places: Sequence[float],
    names: Sequence[str],
    xlabel: str,
) -> Figure:
    """Draw one line for each system.

    Args:
        data: columns place and those of a cell, sorted by system and place.
        column: the metric.
        styles: how systems look.
        places: where there are ticks, one apart.
        names: text at each tick.
        xlabel: what the places are, with the unit.
    """
    fig = figure()
    axes = fig.subplots()
    scale = scale_of(data, styles, unit=column.facts.unit)
    handles = []
    systems = [str(name) for name in sorted(data["system"].unique())]
    for index, system in enumerate(systems):
        own = data[data["system"] == system]
        look = styles[system]
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
    axes.set_xlim(min(places) - 0.4, max(places) + 0.4)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(label(column))
    axes.set_ylim(scale.low, scale.high)
    legend_below(fig, handles, [scale.label(name, styles[name]) for name in systems])
    return fig
