"""Quality and cost of systems that differ in nothing but the evaluations of their network for each answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from ...bench.run.system_facts import SystemFacts
from ..leaderboard.board import Entry, Leaderboard, Table
from ..leaderboard.wording import NOTHING, heading, interval, number, seed_spread, stratum_name, title
from .cost_lines import rtf_text
from .table import Cell, Head, Note, PrintedTable, Row, file_stem

EVALUATIONS = "evaluations"
_STEPS = "steps"
_VARIED = frozenset({_STEPS, EVALUATIONS})
_MOST_LEVELS = 3
_EXPLANATION = (
    "Systems of one series have the same card but for the number of steps; evaluations are passes of the network for "
    "each answer. Means over trials with intervals as in the leaderboard; the real-time factor is wall time over "
    "duration, median of the timed passes."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeries:
    """Systems that are the same but for their steps.

    Attributes:
        name: what their names begin with.
        points: evaluations of the network for each answer, ascending, each with its system.
    """

    name: str
    points: tuple[tuple[int, Entry], ...]


def step_series(table: Table) -> list[StepSeries]:
    """The series of a table with at least two numbers of evaluations, by name.

    Cards of one series are equal but for the options `steps` and `evaluations` and the description. Of several systems
    with the same number of evaluations the first counts.
    """
    groups: dict[str, dict[int, Entry]] = {}
    for entry in table.entries:
        count = evaluations(entry.facts)
        if count is not None:
            groups.setdefault(_same(entry.facts), {}).setdefault(count, entry)
    found = [tuple(sorted(group.items(), key=lambda item: item[0])) for group in groups.values() if len(group) > 1]
    names = [_name([entry for _, entry in points]) for points in found]
    for place, name in enumerate(names):
        if names.count(name) > 1:
            names[place] = found[place][0][1].system
    series = (StepSeries(name=name, points=points) for name, points in zip(names, found, strict=True))
    return sorted(series, key=lambda each: each.name)


def evaluations(facts: SystemFacts) -> int | None:
    """Evaluations of the network for each answer: that option of the card, else its steps; None if it has neither."""
    options = facts.card.get("options") or {}
    values = (options.get(key) for key in (EVALUATIONS, _STEPS))
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool) and v > 0), None)


def step_columns(table: Table) -> list[int]:
    """Columns that say how good a system is: with a direction, and improvements in place of their plain values."""
    keys = {column.key for column in table.columns}
    references = {column.facts.reference_value for column in table.columns}
    return [
        index
        for index, column in enumerate(table.columns)
        if column.facts.higher_is_better is not None
        and column.facts.improvement not in keys
        and column.facts.name not in references
    ]


def level_entries(table: Table, series: Sequence[StepSeries]) -> list[Entry]:
    """Other systems to read the series against: the mixture, and the first of the table that compete."""
    own = {entry.system for each in series for _, entry in each.points}
    others = [entry for entry in table.entries if entry.system not in own and not entry.facts.privileged]
    mixture = [entry for entry in others if entry.system == "mixture"]
    return [*mixture, *(entry for entry in others if entry.facts.competes)][:_MOST_LEVELS]


def step_tables(board: Leaderboard) -> dict[tuple[str, str], PrintedTable]:
    """A table for each dataset and stratum with a series: evaluations, real-time factor, and every metric."""
    found = [(table, step_series(table)) for table in board.tables]
    return {(table.dataset, table.condition): _printed(table, series) for table, series in found if series}


def _printed(table: Table, series: Sequence[StepSeries]) -> PrintedTable:
    columns = step_columns(table)
    heads = [table.columns[i].title + heading(table.columns[i]).removeprefix(table.columns[i].key) for i in columns]
    return PrintedTable(
        name=f"{file_stem(stratum_name(table.dataset, table.condition, '_'))}_steps",
        caption=f"Cost against steps, {title(table)}",
        heads=(
            *(Head(text=text, align="l") for text in ("series", "system")),
            *(Head(text=text) for text in (EVALUATIONS, "real-time factor", *heads)),
        ),
        rows=tuple(
            Row(cells=_cells(table, each.name, count, entry, columns))
            for each in series
            for count, entry in each.points
        ),
        notes=(Note(text=_EXPLANATION),),
        stub=2,
    )


def _cells(table: Table, name: str, count: int, entry: Entry, columns: Sequence[int]) -> tuple[Cell, ...]:
    rtf = rtf_text(entry.facts.cost).partition(" ")[0] if entry.facts.cost else NOTHING
    values = (_value(table, entry, index) for index in columns)
    return (Cell(text=name), Cell(text=entry.system), Cell(text=str(count)), Cell(text=rtf), *values)


def _value(table: Table, entry: Entry, index: int) -> Cell:
    cell, unit = entry.cells[index], table.columns[index].facts.unit
    if cell is None or not cell.applies:
        return Cell(text=NOTHING)
    ends = interval(cell.ci_low, cell.ci_high, unit)
    return Cell(text=number(cell.mean, unit), detail=" ".join(filter(None, (ends, seed_spread(cell)))))


def _same(facts: SystemFacts) -> str:
    """All of a card but its steps and its words."""
    options = {key: value for key, value in (facts.card.get("options") or {}).items() if key not in _VARIED}
    card = {key: value for key, value in facts.card.items() if key not in {"description", "options"}}
    return json.dumps([card, options], sort_keys=True, default=str)


def _name(entries: Sequence[Entry]) -> str:
    """The common beginning of the names, without the number that follows it."""
    letters = zip(*(entry.system for entry in entries), strict=False)
    alike = takewhile(lambda each: len(set(each)) == 1, letters)
    common = "".join(each[0] for each in alike).rstrip("0123456789").rstrip(" _-.:=@")
    return common or str(entries[0].facts.card.get("name") or entries[0].system)
