"""Quality and real-time factor against the number of network evaluations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..leaderboard.board import Leaderboard, Table
from ..leaderboard.ranking import phase_lacking
from ..leaderboard.wording import stratum_name
from ..tables.steps import StepSeries, level_entries, step_columns, step_series
from .registry import FIGURES, LeftOut, Plot
from .shared.columns import COLUMNS, PlotColumn, errors, record
from .shared.scales import with_prefix
from .shared.style import COLUMN_IN, Look, figure, legend_below, looks, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_IN = 1.35
_ACROSS = 2
_ROOM = 1.4  # beyond the first and the last number of evaluations


@FIGURES.register("steps")
def steps(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Metrics and real-time factor against the evaluations of the network, of systems that differ in their steps."""
    styles = looks(board)
    for table in board.tables:
        name = stratum_name(table.dataset, table.condition, "_")
        series = step_series(table)
        if not series:
            yield LeftOut(name, "no two systems that differ in nothing but their steps")
            continue
        columns = [PlotColumn(board=board, table=table, index=i, looks=styles) for i in step_columns(table)]
        data = _data(series, columns)
        if data.empty:
            yield LeftOut(name, "no value and no measured cost of a system of a series")
            continue
        yield Plot(name, _caption(table, series, columns), data, partial(_draw, table, series, columns, data, styles))


def _caption(table: Table, series: Sequence[StepSeries], columns: Sequence[PlotColumn]) -> str:
    unfair = [
        shown.column.title
        for shown in columns
        if any(phase_lacking(entry.facts, shown.column.facts) for each in series for _, entry in each.points)
    ]
    levels = ", ".join(entry.system for entry in level_entries(table, series))
    ends = f" Level lines: {levels}." if levels else ""
    ends += f" The phase is generated: {', '.join(unfair)} is shown and does not rank." if unfair else ""
    return (
        f"Quality and real-time factor against the evaluations of the network for each answer; "
        f"{stratum_name(table.dataset, table.condition, ' · ')}, {table.n_trials} trials. Means with "
        f"{columns[0].bounds if columns else 'intervals'}; whiskers of the real-time factor reach from the shortest to "
        f"the longest of the timed passes.{ends}"
    )


def _data(series: Sequence[StepSeries], columns: Sequence[PlotColumn]) -> pd.DataFrame:
    """One line for each system and metric, and one for its real-time factor."""
    lines: list[dict[str, Any]] = []
    for each in series:
        for count, entry in each.points:
            place = {"series": each.name, "evaluations": count}
            for shown in columns:
                if (cell := entry.cells[shown.index]) is not None and cell.n:
                    lines.append({**place, "metric": shown.column.key, **record(cell)})
            if (cost := entry.facts.cost) is not None and cost.rtf:
                ends = {"mean": cost.rtf, "ci_low": cost.rtf_low or cost.rtf, "ci_high": cost.rtf_high or cost.rtf}
                lines.append({**place, "metric": "rtf", "system": entry.system, **ends})
    return pd.DataFrame(lines, columns=["series", "evaluations", "metric", *COLUMNS])


def _draw(
    table: Table,
    series: Sequence[StepSeries],
    columns: Sequence[PlotColumn],
    data: pd.DataFrame,
    styles: Mapping[str, Look],
) -> Figure:
    keys = [*(shown.column.key for shown in columns), *(["rtf"] if (data["metric"] == "rtf").any() else [])]
    rows = math.ceil(len(keys) / _ACROSS)
    fig = figure(width_in=COLUMN_IN, height_in=_PANEL_IN * rows)
    grid = fig.subplots(rows, _ACROSS, squeeze=False).ravel()
    handles: dict[str, Any] = {}
    for key, axes, shown in zip_longest(keys, grid, columns):
        if key is None:
            axes.set_axis_off()
            continue
        own = data[data["metric"] == key]
        handles |= _lines(axes, own, series, styles)
        if shown is None:
            axes.set(ylabel="real-time factor", yscale="log")
            axes.yaxis.set_major_formatter(lambda value, _: with_prefix(float(f"{value:.3g}")))
            axes.yaxis.set_minor_formatter("")
        else:
            handles |= _level_lines(axes, table, series, shown)
            axes.set_ylabel(shown.label)
        _x_axis(axes, sorted({int(count) for count in data["evaluations"]}))
    legend_below(fig, list(handles.values()), list(handles))
    return fig


def _lines(axes: Axes, data: pd.DataFrame, series: Sequence[StepSeries], styles: Mapping[str, Look]) -> dict[str, Any]:
    """A line for each series in the look of its first system; handles by name."""
    handles = {}
    for each in series:
        own, look = data[data["series"] == each.name], styles[each.points[0][1].system]
        style = {"linestyle": look.dash, "color": look.colour, "marker": look.marker, "markersize": 4}
        handles[plain(each.name)] = axes.errorbar(
            own["evaluations"], own["mean"], yerr=errors(own), elinewidth=0.6, capsize=1.2, **style
        )
    return handles


def _level_lines(axes: Axes, table: Table, series: Sequence[StepSeries], shown: PlotColumn) -> dict[str, Any]:
    """Level lines of other systems; handles by name."""
    handles = {}
    for entry in level_entries(table, series):
        cell, look = entry.cells[shown.index], shown.looks[entry.system]
        if cell is not None and math.isfinite(cell.mean):
            handles[look.label] = axes.axhline(cell.mean, color=look.colour, linestyle=look.dash, linewidth=0.9)
    return handles


def _x_axis(axes: Axes, counts: Sequence[int]) -> None:
    """A logarithmic axis with a tick at each number of evaluations."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(counts), [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlim(counts[0] / _ROOM, counts[-1] * _ROOM)
    axes.set_xlabel("evaluations")
