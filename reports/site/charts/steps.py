"""Geometry of the line charts of the HTML page: each metric, and the real-time factor, over network evaluations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....bench.statistics.aggregate import Aggregate
from ...figures.shared.scales import limits, with_prefix
from ...leaderboard.board import Entry, Table
from ...tables.steps import StepSeries, level_entries, step_columns, step_series
from .axes import ticks
from .conditions import COLOURS, Dot, Line, Panel, dot_of

_LEFT, _TOP, _HEIGHT, _PAD, _WIDTH = 40.0, 12.0, 150.0, 18.0, 220.0


def step_panels(table: Table) -> tuple[Panel, ...]:
    """One panel for each metric, and one for the real-time factor; none without a series."""
    series = step_series(table)
    if not series:
        return ()
    x = _Places(sorted({count for each in series for count, _ in each.points}))
    quality = [panel for index in step_columns(table) if (panel := _quality(table, series, index, x)) is not None]
    cost = _cost(series, x)
    return (*quality, *([cost] if cost else []))


@dataclass(frozen=True, slots=True)
class _Places:
    """Places of numbers of evaluations, logarithmic."""

    counts: Sequence[int]

    def at(self, count: int) -> float:
        first, last = math.log(self.counts[0]), math.log(self.counts[-1])
        return _LEFT + _PAD + (_WIDTH - _LEFT - 2 * _PAD) * (math.log(count) - first) / (last - first)

    def labels(self) -> tuple[tuple[float, str], ...]:
        return tuple((self.at(count), str(count)) for count in self.counts)


def _quality(table: Table, series: Sequence[StepSeries], index: int, x: _Places) -> Panel | None:
    column = table.columns[index]
    others = level_entries(table, series)
    shown = [(count, entry) for each in series for count, entry in each.points]
    cells = [cell for entry in [*(e for _, e in shown), *others] if (cell := _cell(entry, index)) is not None]
    if not any(_cell(entry, index) for _, entry in shown):
        return None
    ends = [end for c in cells for end in (c.mean, c.ci_low, c.ci_high) if math.isfinite(end)]
    low, high = limits(ends)

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (high - value) / (high - low)

    unit = column.facts.unit
    lines = [
        Line(
            system=each.name,
            colour=colour % COLOURS,
            privileged=False,
            dots=tuple(
                dot_of(x.at(count), cell, y, f"{entry.system}, {count} evaluations", unit)
                for count, entry in each.points
                if (cell := _cell(entry, index)) is not None
            ),
        )
        for colour, each in enumerate(series)
    ]
    for colour, entry in enumerate(others, len(series)):
        if (cell := _cell(entry, index)) is not None:
            dots = tuple(dot_of(place, cell, y, entry.system, unit) for place in (_LEFT, _WIDTH))
            lines.append(Line(system=entry.system, colour=colour % COLOURS, privileged=True, dots=dots, level=True))
    return _panel(column.key, unit, lines, tuple((y(value), value) for value in ticks(low, high)), x)


def _cost(series: Sequence[StepSeries], x: _Places) -> Panel | None:
    """The real-time factor on a logarithmic axis; None if it was not measured."""
    known = [
        (each, [(count, cost.rtf) for count, entry in each.points if (cost := entry.facts.cost) and cost.rtf])
        for each in series
    ]
    values = [math.log10(rtf) for _, points in known for _, rtf in points]
    if not values:
        return None
    low, high = limits(values)

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (high - math.log10(value)) / (high - low)

    lines = [
        Line(system=each.name, colour=colour % COLOURS, privileged=False, dots=_dots(each.name, points, x, y))
        for colour, (each, points) in enumerate(known)
    ]
    marks = [10.0**n * m for n in range(math.floor(low), math.ceil(high) + 1) for m in (1.0, 2.0, 5.0)]
    inside = [mark for mark in marks if low <= math.log10(mark) <= high]
    return _panel("real-time factor", "", lines, tuple((y(mark), mark) for mark in inside), x)


def _dots(name: str, points: Sequence[tuple[int, float]], x: _Places, y: Callable[[float], float]) -> tuple[Dot, ...]:
    return tuple(
        Dot(
            x=x.at(count),
            y=y(rtf),
            low=y(rtf),
            high=y(rtf),
            text=f"{name}, {count} evaluations: {with_prefix(float(f'{rtf:.3g}'))}",
        )
        for count, rtf in points
    )


def _panel(heading: str, unit: str, lines: Sequence[Line], marks: tuple[tuple[float, float], ...], x: _Places) -> Panel:
    return Panel(
        heading=heading,
        unit=unit,
        width=_WIDTH,
        height=_TOP + _HEIGHT + 26.0,
        ticks=marks,
        labels=x.labels(),
        lines=tuple(line for line in lines if line.dots),
    )


def _cell(entry: Entry, index: int) -> Aggregate | None:
    cell = entry.cells[index]
    return cell if cell is not None and math.isfinite(cell.mean) else None
