"""Metric against metric: a cloud of single trials, and the means of the systems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..leaderboard.board import Leaderboard, Table
from ..leaderboard.wording import stratum_name
from .registry import FIGURES, LeftOut, Plot
from .shared.columns import COLUMNS, PlotColumn, errors, lone_remark, record, remarks
from .shared.lines import RING, draw_point, ring_handle
from .shared.scales import limits
from .shared.style import legend_below, looks, one_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MANY = 3000  # dots above which the cloud is a picture within the vector file
_MOST_PAIRS = 2


@FIGURES.register("metric_pairs")
def metric_pairs(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """The primary metric against others, by trial and by system."""
    styles = looks(board)
    for table in board.tables:
        others = _others(table)
        if not others:
            name = stratum_name(table.dataset, table.condition, "_")
            yield LeftOut(name, "no second metric that is not made of the first")
        for index in others:
            x, y = (PlotColumn(board=board, table=table, index=i, looks=styles) for i in (index, table.primary or 0))
            yield from _plots(x, y)


def _others(table: Table) -> list[int]:
    """Indices of metrics to compare with the primary one: the first that are not derived from it."""
    if table.primary is None:
        return []
    first = table.columns[table.primary].facts
    families = {first.name, first.improvement}
    found = []
    for index, column in enumerate(table.columns):
        facts = column.facts
        related = {facts.name, facts.improvement} - {None}
        if families & related or facts.higher_is_better is None:
            continue
        families |= related
        found.append(index)
    return found[:_MOST_PAIRS]


def _plots(x: PlotColumn, y: PlotColumn) -> Iterator[Plot | LeftOut]:
    name, n_trials = x.name(x.column.key), x.table.n_trials
    missing = remarks(
        (f"{system}, {shown.column.key}", cell, n_trials)
        for pair in zip(y.cells, x.cells, strict=True)
        for shown, (system, cell) in zip((y, x), pair, strict=True)
    )
    subject = f"{y.label} against {x.label}; {x.heading}."
    values = x.values().merge(y.values(), on=["system", "trial_id"], suffixes=("_x", "_y"))
    if len(values):
        caption = f"{subject} A mark for each trial with both values.{missing}"
        yield Plot(f"{name}_trials", caption, values, partial(_draw_trials, x, y, values))
    else:
        yield LeftOut(f"{name}_trials", "no trial has both values")
    sides = [
        pd.DataFrame([record(cell) for _, cell in shown.cells if cell and cell.n], columns=COLUMNS) for shown in (x, y)
    ]
    means = sides[0].merge(sides[1], on="system", suffixes=("_x", "_y"))
    if len(means) > 1:
        both = [side[side["system"].isin(means["system"])] for side in sides]
        caption = f"{subject} Means of the systems with {x.bounds}.{lone_remark(pd.concat(both), RING)}{missing}"
        yield Plot(f"{name}_systems", caption, means, partial(_draw_means, x, y, both))
    else:
        yield LeftOut(f"{name}_systems", "fewer than two systems have both values")


def _draw_means(x: PlotColumn, y: PlotColumn, sides: Sequence[pd.DataFrame]) -> Figure:
    fig, axes = one_axes()
    scales = [shown.scale(side) for shown, side in zip((x, y), sides, strict=True)]
    handles, systems = [], sides[0]["system"].tolist()
    for system in systems:
        own, other = (side[side["system"] == system] for side in sides)
        handles.append(draw_point(axes, own["mean"], other, x.looks[system], xerr=errors(own)))
    off = {**scales[0].off, **scales[1].off}
    names = [x.looks[s].label + (" (off scale)" if s in off else "") for s in systems]
    axes.set(xlim=(scales[0].low, scales[0].high), ylim=(scales[1].low, scales[1].high))
    axes.set(xlabel=x.label, ylabel=y.label)
    ring, name = ring_handle(*sides)
    legend_below(fig, [*handles, *ring], [*names, *name])
    return fig


def _draw_trials(x: PlotColumn, y: PlotColumn, values: pd.DataFrame) -> Figure:
    fig, axes = one_axes()
    handles: list[Any] = []
    systems = [str(name) for name in sorted(values["system"].unique())]
    for system in systems:
        own, look = values[values["system"] == system], x.looks[system]
        handles += axes.plot(
            own["value_x"].to_numpy(float),
            own["value_y"].to_numpy(float),
            linestyle="none",
            marker=look.marker,
            markersize=3,
            color=look.colour,
            alpha=0.6,
            markeredgewidth=0.4,
            rasterized=len(values) > _MANY,
        )
    axes.set(xlim=limits(values["value_x"].tolist()), ylim=limits(values["value_y"].tolist()))
    axes.set(xlabel=x.label, ylabel=y.label)
    legend_below(fig, handles, [x.looks[system].label for system in systems])
    return fig
