"""Geometry of the line charts of the HTML page: the primary metric from FMQ to FUQ."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....bench.statistics.aggregate import Aggregate
from ...leaderboard.board import Leaderboard, Table
from ...leaderboard.wording import interval, number
from .axes import axis, ticks

# The drawing area of a panel, in SVG units.
_LEFT, _TOP, _HEIGHT, _STEP, _PAD = 40.0, 12.0, 190.0, 108.0, 44.0
_SPREAD = 36.0  # systems of one stratum are set side by side over this width
MOST = 10  # systems that a chart can distinguish; the tables have all
COLOURS = 8  # --c0 to --c7 in report.css


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A mean and its interval, in SVG units, and both in words."""

    x: float
    y: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One system through the strata of a panel.

    Attributes:
        colour: counts systems from 0.
        level: the same everywhere: a line without marks.
    """

    system: str
    colour: int
    privileged: bool
    dots: tuple[Dot, ...]
    level: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The primary metric over the strata of a dataset that share it.

    Attributes:
        ticks: height and value of each grid line.
        labels: place and name of each stratum.
        off_scale: systems that would squash the others, with their means.
    """

    heading: str
    unit: str
    width: float
    height: float
    ticks: tuple[tuple[float, float], ...]
    labels: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]
    off_scale: tuple[str, ...] = ()


def panels(board: Leaderboard, dataset: str) -> tuple[Panel, ...]:
    """One panel for each primary metric of a dataset, FMQ to FUQ; none for a single stratum."""
    tables = [table for table in board.of(dataset) if table.primary is not None]
    if len(tables) < 2:
        return ()
    groups: dict[str, list[Table]] = {}
    for table in tables:
        groups.setdefault(table.columns[table.primary or 0].key, []).append(table)
    # All systems, or the best of the first stratum where these are too many.
    names = dict.fromkeys(entry.system for table in tables for entry in table.entries)
    systems = sorted([*names][:MOST])
    return tuple(_panel(group, systems) for group in groups.values())


def legend(shown: Sequence[Panel]) -> tuple[Line, ...]:
    """One line of each system that the panels show."""
    lines = {line.system: line for panel in shown for line in panel.lines}
    return tuple(lines[system] for system in sorted(lines))


def _panel(tables: Sequence[Table], systems: Sequence[str]) -> Panel:
    low, high = axis(tables)
    margin = 0.04 * (high - low)
    low, high = low - margin, high + margin

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (high - value) / (high - low)

    def inside(cell: Aggregate) -> bool:
        return low <= cell.mean <= high

    middle = tuple(_LEFT + _PAD + i * _STEP for i in range(len(tables)))
    lines = []
    for colour, system in enumerate(systems):
        shift = _SPREAD * (colour / max(1, len(systems) - 1) - 0.5)
        places = [(x + shift, table) for x, table in zip(middle, tables, strict=True)]
        lines.append(_line(system, colour, places, y, inside))
    column = tables[0].columns[tables[0].primary or 0]
    return Panel(
        heading=column.key,
        unit=column.facts.unit,
        width=_LEFT + 2 * _PAD + (len(tables) - 1) * _STEP,
        height=_TOP + _HEIGHT + 26.0,
        ticks=tuple((y(value), value) for value in ticks(low, high)),
        labels=tuple((x, table.condition) for x, table in zip(middle, tables, strict=True)),
        lines=tuple(line for line in lines if line.dots),
        off_scale=_off_scale(tables, column.facts.unit, inside),
    )


def _line(
    system: str,
    colour: int,
    places: Sequence[tuple[float, Table]],
    y: Callable[[float], float],
    inside: Callable[[Aggregate], bool],
) -> Line:
    found = [(x, table, entry) for x, table in places if (entry := table.entry(system))]
    dots = tuple(
        dot_of(x, cell, y, f"{system}, {table.condition}", table.columns[table.primary or 0].facts.unit)
        for x, table, entry in found
        if (cell := table.primary_cell(entry)) and inside(cell)
    )
    oracle = any(entry.facts.privileged for _, _, entry in found)
    return Line(system=system, colour=colour % COLOURS, privileged=oracle, dots=dots)


def dot_of(x: float, cell: Aggregate, y: Callable[[float], float], name: str, unit: str) -> Dot:
    """A mean with its interval at `x`; `y` places a value."""
    ends = (cell.mean if math.isnan(end) else end for end in (cell.ci_low, cell.ci_high))
    low, high = (y(end) for end in ends)
    text = f"{name}: {number(cell.mean, unit)} {unit} {interval(cell.ci_low, cell.ci_high, unit)}"
    return Dot(x=x, y=y(cell.mean), low=low, high=high, text=" ".join(text.split()))


def _off_scale(tables: Sequence[Table], unit: str, inside: Callable[[Aggregate], bool]) -> tuple[str, ...]:
    means: dict[str, list[str]] = {}
    for table in tables:
        for entry in table.entries:
            cell = table.primary_cell(entry)
            if cell and not inside(cell):
                means.setdefault(entry.system, []).append(number(cell.mean, unit))
    return tuple(f"{system} ({', '.join(values)})" for system, values in means.items())
