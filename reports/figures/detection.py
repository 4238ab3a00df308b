"""Absent targets: false extractions and missed targets over levels, and against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...bench.statistics.detection import EqualError, equal_error, error_curve
from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import interval, number
from ..tables.detection import Detectors, detectors
from .registry import FIGURES, LeftOut, Plot
from .shared.style import Look, legend_below, looks, one_axes, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS = 121
_MOST_ERRORS = 105.0
_MOST_SCORES = 1000  # that are thresholds themselves, so that a curve has all its steps
_THIN = 0.5


@FIGURES.register("detection")
def detection(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Shares of false extractions and missed targets over the score of the output, and against each other."""
    styles = looks(board)
    found = detectors(board)
    for shown in found:
        yield from _plots(board, shown, styles)
    if not found:
        yield LeftOut("all", "no score (such as output_level) of trials with and without a target")


def _plots(board: Leaderboard, shown: Detectors, styles: Mapping[str, Look]) -> Iterator[Plot]:
    settings: dict[str, Any] = {"level": board.level, "resamples": board.resamples, "seed": board.seed}
    limits = shown.thresholds(_POINTS, with_scores=_MOST_SCORES)
    curves = [error_curve(each, limits, **settings).assign(system=each.system) for each in shown.systems]
    data = pd.concat(curves, ignore_index=True)
    rates = {each.system: equal_error(each, **settings) for each in shown.systems}
    first = shown.systems[0]
    where = (
        f"{shown.dataset}, {shown.present} ({first.n_present} trials) against {shown.absent} ({first.n_absent} trials)"
    )
    bounds = f"{board.level:.0%} bootstrap intervals over mixtures"
    yield Plot(
        f"{shown.name}_levels",
        f"Share of the trials without a target whose {shown.label} is at or above the value of the axis (false "
        f"extractions, with {bounds}), and as a thin line of those with a target below it (missed targets); {where}.",
        data,
        partial(_draw_levels, shown, data, styles),
    )
    texts = [f"{name} {number(x.rate, '%')} % {interval(x.low, x.high, '%')}" for name, x in rates.items()]
    yield Plot(
        f"{shown.name}_errors",
        f"Missed targets against false extractions over all thresholds of {shown.label}; {where}. Equal error rates, "
        f"where the curves meet the diagonal, with {bounds}: {'; '.join(texts)}.",
        data,
        partial(_draw_errors, data, rates, styles),
    )


def _draw_levels(shown: Detectors, data: pd.DataFrame, styles: Mapping[str, Look]) -> Figure:
    fig, axes = one_axes()
    handles: list[Any] = []
    names = [str(name) for name in data["system"].unique()]
    for name in names:
        own, look = data[data["system"] == name], styles[name]
        x = own["threshold"]
        low, high = (own[f"false_extractions_{end}"] for end in ("low", "high"))
        axes.fill_between(x, low, high, color=look.colour, alpha=0.15, linewidth=0.0)
        handles += axes.plot(x, own["false_extractions"], color=look.colour, linestyle=look.dash)
        axes.plot(x, own["missed_targets"], color=look.colour, linestyle=look.dash, linewidth=_THIN)
    axes.set(xlabel=shown.label, ylabel="trials in error [%]", ylim=(0.0, _MOST_ERRORS))
    legend_below(fig, handles, [styles[name].label for name in names])
    return fig


def _draw_errors(data: pd.DataFrame, rates: Mapping[str, EqualError], styles: Mapping[str, Look]) -> Figure:
    fig, axes = one_axes()
    handles: list[Any] = []
    axes.plot([0.0, 100.0], [0.0, 100.0], color="#999999", linewidth=0.6)
    for name, found in rates.items():
        own, look = data[data["system"] == name], styles[name]
        handles += axes.plot(
            [0.0, *own["false_extractions"][::-1], 100.0],
            [100.0, *own["missed_targets"][::-1], 0.0],
            color=look.colour,
            linestyle=look.dash,
        )
        axes.plot([found.rate], [found.rate], color=look.colour, marker=look.marker, linestyle="none")
    axes.set(xlabel="false extractions [%]", ylabel="missed targets [%]")
    axes.set(xlim=(0.0, _MOST_ERRORS), ylim=(0.0, _MOST_ERRORS))
    labels = [f"{styles[name].label} ({plain(number(found.rate, '%'))} %)" for name, found in rates.items()]
    legend_below(fig, handles, labels)
    return fig
