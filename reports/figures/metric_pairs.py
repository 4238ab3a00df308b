"""Metric against metric: a cloud of single trials, and the means of the systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..leaderboard.board import Column, Leaderboard, Table
from ..leaderboard.wording import title
from .registry import FIGURES, LeftOut, Plot
from .shared.axes import limits, scale_of
from .shared.cells import bounds, errors, label, record, remarks
from .shared.style import Look, figure, legend_below, looks
from .shared.values import values_of

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
            name = f"{table.dataset}_{table.condition}"
            yield LeftOut(name=name, reason="no second metric that is not made of the first")
        for index in others:
            yield from _plots(board, table, index, styles)


def _others(table: Table) -> list[int]:
    """Metrics beside the primary one: neither its base nor its improvement, the better known."""
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


def _plots(
    board: Leaderboard, table: Table, index: int, styles: Mapping[str, Look]
) -> Iterator[Plot | LeftOut]:
    x, y = table.columns[index], table.columns[table.primary or 0]
    name = f"{table.dataset}_{table.condition}_{x.key}"
    told = remarks(
        (f"{e.system}, {c.key}", e.cells[table.columns.index(c)], table.n_trials)
        for e in table.entries
        for c in (y, x)
    )
    what = f"{label(y)} against {label(x)}; {title(table)}, {table.n_trials} trials."
    values = values_of(board, table, x).merge(
        values_of(board, table, y), on=["system", "trial_id"], suffixes=("_x", "_y")
    )
    if len(values):
        yield Plot(
            name=f"{name}_trials",
            caption=f"{what} A mark for each trial with both values.{told}",
            data=values,
            draw=partial(_draw_trials, values, (x, y), styles),
        )
    else:
        yield LeftOut(name=f"{name}_trials", reason="no trial has both values")
    means = _means(table, index)
    if len(means) > 1:
        yield Plot(
            name=f"{name}_systems",
            caption=f"{what} Means of the systems with {bounds(board)}.{told}",
            data=means,
            draw=partial(_draw_means, means, (x, y), styles),
        )
    else:
        yield LeftOut(name=f"{name}_systems", reason="fewer than two systems have both values")


def _means(table: Table, index: int) -> pd.DataFrame:
    """Cells of both metrics side by side: the columns of a cell with _x and _y."""
    lines = []
    for entry in table.entries:
        x, y = entry.cells[index], entry.cells[table.primary or 0]
        if x is not None and y is not None and x.n and y.n:
            both = {f"{name}_x": value for name, value in record(x).items() if name != "system"}
            both |= {f"{name}_y": value for name, value in record(y).items() if name != "system"}
            lines.append({"system": entry.system, **both})
    return pd.DataFrame(lines)


def _axis(means: pd.DataFrame, suffix: str) -> pd.DataFrame:
    own = means[["system", *(str(name) for name in means if str(name).endswith(suffix))]]
    return own.rename(columns=lambda name: name.removesuffix(suffix))


def _draw_means(means: pd.DataFrame, columns: tuple[Column, Column], styles: Mapping[str, Look]) -> Figure:
    fig = figure()
    axes = fig.subplots()
    sides = [_axis(means, suffix) for suffix in ("_x", "_y")]
    scales = [
        scale_of(side, styles, unit=column.facts.unit) for side, column in zip(sides, columns, strict=True)
    ]
    handles = []
    for system in means["system"]:
        x, y = (side[side["system"] == system] for side in sides)
        look = styles[system]
        handles.append(
            axes.errorbar(
                x["mean"],
                y["mean"],
                xerr=errors(x),
                yerr=errors(y),
                color=look.colour,
                marker=look.marker,
                linestyle="none",
                markersize=5,
                elinewidth=0.6,
                capsize=1.5,
            )
        )
    off = {**scales[0].off, **scales[1].off}
    names = [styles[s].label + (" (off scale)" if s in off else "") for s in means["system"]]
    axes.set_xlim(scales[0].low, scales[0].high)
    axes.set_ylim(scales[1].low, scales[1].high)
    axes.set_xlabel(label(columns[0]))
    axes.set_ylabel(label(columns[1]))
    legend_below(fig, handles, names)
    return fig


def _draw_trials(values: pd.DataFrame, columns: tuple[Column, Column], styles: Mapping[str, Look]) -> Figure:
    fig = figure()
    axes = fig.subplots()
    handles: list[Any] = []
    systems = [str(name) for name in sorted(values["system"].unique())]
    for system in systems:
        own = values[values["system"] == system]
        look = styles[system]
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
    axes.set_xlim(*limits(values["value_x"].tolist()))
    axes.set_ylim(*limits(values["value_y"].tolist()))
    axes.set_xlabel(label(columns[0]))
    axes.set_ylabel(label(columns[1]))
    legend_below(fig, handles, [styles[system].label for system in systems])
    return fig
