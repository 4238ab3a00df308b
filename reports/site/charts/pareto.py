"""Geometry of the charts of quality against cost, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ....bench.run.system_facts import CostFacts
from ....bench.statistics.aggregate import Aggregate
from ...figures.shared.scales import with_prefix
from ...leaderboard.board import Entry, Leaderboard, Table
from ...leaderboard.ranking import phase_lacking
from ..choose_trials import primary_column
from .axes import axis, ticks

WIDTH, HEIGHT = 530.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 16.0, 14.0, 44.0
_CHAR = 6.4  # width of a letter of the labels, about
_NEAR = 13.0  # labels closer than this, from above to below, would touch
_LABELLED = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A system, in SVG units.

    Attributes:
        best: no system is both cheaper and better; a system that the metric cannot rank, for its phase, is none.
        x_low: of the shortest of several timed passes, and `x_high` of the longest; both are `x` where there is no
            spread.
        label: its name, or "" where it has no room.
        anchor: "start" or "end": the side of the label that is next to the point.
    """

    entry: Entry
    cell: Aggregate
    cost: float
    x: float
    y: float
    low: float
    high: float
    best: bool
    x_low: float
    x_high: float
    label: str = ""
    label_x: float = 0.0
    label_y: float = 0.0
    anchor: str = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A baseline or an oracle as a level line: its cost is no matter of choice. `label` is "" where it has no room."""

    entry: Entry
    mean: float
    y: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Quality against one kind of cost.

    Attributes:
        levels: baselines and oracles within the axis.
        front: corners of the line that joins the best, up to the edge.
        left_out: systems without a value or a cost, or off the scale.
    """

    table: Table
    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, float], ...]
    points: tuple[Point, ...]
    front: tuple[tuple[float, float], ...]
    levels: tuple[Level, ...]
    left_out: tuple[str, ...]

    @property
    def timed(self) -> bool:
        """Whether any cost has a spread."""
        return any(point.x_low < point.x_high for point in self.points)


class _Axis(NamedTuple):
    """An axis from `low` to `high`, which lie at `start` and `end`; values of costs are their log10."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


class _Price(NamedTuple):
    """A cost above zero, with the smallest and the largest of several measurements."""

    value: float
    low: float
    high: float


_COSTS = {"rtf": "real-time factor", "params": "parameters"}


def charts(board: Leaderboard, dataset: str) -> tuple[Chart, ...]:
    """Quality against each cost, in the first stratum of a dataset; needs two systems that compete.

    Systems without a cost are named below the chart.
    """
    table = next((t for t in board.of(dataset) if primary_column(t) is not None), None)
    if table is None:
        return ()
    found = [_chart(board, table, key) for key in _COSTS]
    return tuple(chart for chart in found if chart is not None)


def _chart(board: Leaderboard, table: Table, key: str) -> Chart | None:
    column = primary_column(table)
    entries = (entry for each in board.tables for entry in each.entries)
    costs = {entry.system: entry.facts.cost for entry in entries if entry.facts.cost is not None}
    low, high = axis([table])
    found: list[tuple[Entry, Aggregate, _Price]] = []
    level: list[tuple[Entry, float]] = []
    left_out: list[str] = []
    for entry in table.entries:
        cell, price = table.primary_cell(entry), _price(costs.get(entry.system), key)
        if cell is None or not low <= cell.mean <= high:
            left_out.append(entry.system)
        elif not entry.facts.competes:
            level.append((entry, cell.mean))
        elif price is None:
            left_out.append(entry.system)
        else:
            found.append((entry, cell, price))
    if column is None or len(found) < 2:
        return None
    x, y = _axes([end for _, _, price in found for end in price], low, high)
    higher = column.facts.higher_is_better is not False
    best = _front([item for item in found if not phase_lacking(item[0].facts, column.facts)], higher=higher)
    points = _labelled([_point(*item, x, y, best=item[0].system in best) for item in found])
    front = _steps(sorted((p.x, p.y) for p in points if p.best))
    return Chart(
        table=table,
        title=_COSTS[key],
        x_label=f"{_COSTS[key]} (log scale)",
        y_label=f"{column.key}{f' [{column.facts.unit}]' if column.facts.unit else ''}",
        x_ticks=tuple(_log_ticks(x)),
        y_ticks=tuple((y.place(value), value) for value in ticks(y.low, y.high)),
        points=points,
        levels=_levels(level, y),
        front=(*front, *([(x.end, front[-1][1])] if front else [])),
        left_out=tuple(left_out),
    )


def _price(cost: CostFacts | None, key: str) -> _Price | None:
    value = getattr(cost, key, None) or 0.0
    low, high = (getattr(cost, f"{key}_{end}", None) or value for end in ("low", "high"))
    return _Price(float(value), float(low), float(high)) if value > 0.0 else None


def _axes(prices: Sequence[float], low: float, high: float) -> tuple[_Axis, _Axis]:
    """Axes of cost, from a round number below to one above all, and of quality."""
    margin = 0.06 * (high - low)
    exponents = range(math.floor(math.log10(min(prices))), math.floor(math.log10(max(prices))) + 2)
    marks = [factor * 10.0**n for n in exponents for factor in (1.0, 2.0, 5.0)]
    first = max(mark for mark in marks if mark <= min(prices) * (1.0 + 1e-9))
    last = min(mark for mark in marks if mark >= max(prices) * (1.0 - 1e-9))
    x = _Axis(math.log10(first) - 0.03, math.log10(last) + 0.03, LEFT, WIDTH - RIGHT)
    return x, _Axis(low - margin, high + margin, HEIGHT - BOTTOM, TOP)


def _levels(found: Sequence[tuple[Entry, float]], y: _Axis) -> tuple[Level, ...]:
    """Level lines from above, each with its name if that does not touch the one above."""
    levels: list[Level] = []
    for entry, mean in sorted(found, key=lambda item: y.place(item[1])):
        place = y.place(mean)
        free = all(abs(place - other.y) > _NEAR for other in levels if other.label)
        levels.append(Level(entry=entry, mean=mean, y=place, label=entry.system if free else ""))
    return tuple(levels)


def _front(found: Sequence[tuple[Entry, Aggregate, _Price]], *, higher: bool) -> set[str]:
    """Systems that are better than every cheaper one, of those that compete."""
    sign = 1.0 if higher else -1.0
    fair = [(p.value, sign * cell.mean, e.system) for e, cell, p in found if e.facts.competes]
    return {
        name
        for price, value, name in fair
        if not any((p <= price and v >= value) and (p, v) != (price, value) for p, v, _ in fair)
    }


def _steps(front: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    corners = list(front[:1])
    for x, y in front[1:]:
        corners += [(x, corners[-1][1]), (x, y)]
    return tuple(corners)


def _point(entry: Entry, cell: Aggregate, price: _Price, x: _Axis, y: _Axis, *, best: bool) -> Point:
    ends = [cell.mean if math.isnan(end) else end for end in (cell.ci_low, cell.ci_high)]
    low, high = (min(max(y.place(end), TOP), HEIGHT - BOTTOM) for end in ends)
    return Point(
        entry=entry,
        cell=cell,
        cost=price.value,
        x=x.place(math.log10(price.value)),
        x_low=x.place(math.log10(price.low)),
        x_high=x.place(math.log10(price.high)),
        y=y.place(cell.mean),
        low=low,
        high=high,
        best=best,
    )


def _labelled(points: Sequence[Point]) -> tuple[Point, ...]:
    """Points with their names as far as these fit, those of the front first."""
    placed: list[tuple[float, float, float]] = []
    named: dict[str, Point] = {}
    for point in sorted(points, key=lambda p: (not p.best, p.x))[:_LABELLED]:
        name, width = point.entry.system, _CHAR * len(point.entry.system)
        for anchor in ("start", "end"):
            left = point.x_high + 8.0 if anchor == "start" else point.x_low - 8.0 - width
            inside = left >= LEFT and left + width <= WIDTH
            free = all(left + width < a or b < left or abs(point.y - at) > _NEAR for a, b, at in placed) and not any(
                other is not point and left - 6.0 < other.x < left + width + 6.0 and abs(other.y - point.y) < 9.0
                for other in points
            )
            if inside and free:
                placed.append((left, left + width, point.y))
                at = left if anchor == "start" else left + width
                named[name] = replace(
                    point, label=name, label_x=at, label_y=point.y + (-5.0 if point.best else 4.0), anchor=anchor
                )
                break
    return tuple(named.get(point.entry.system, point) for point in points)


def _log_ticks(x: _Axis) -> list[tuple[float, str]]:
    """Powers of ten, with 2 and 5 times these where there are few."""
    first, last = math.floor(x.low), math.ceil(x.high)
    factors = (1.0,) if last - first > 3 else (1.0, 2.0, 5.0)
    values = [10.0**n * factor for n in range(first, last + 1) for factor in factors]
    return [(x.place(math.log10(v)), with_prefix(v)) for v in values if x.low <= math.log10(v) <= x.high]
