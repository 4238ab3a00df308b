"""The tables of a leaderboard as a paper prints them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..leaderboard.board import Entry, Leaderboard, Table
from ..leaderboard.columns import Column
from ..leaderboard.doubts import doubt
from ..leaderboard.ranking import tie_groups
from ..leaderboard.reference_gaps import caution
from ..leaderboard.wording import (
    NOTHING,
    draws,
    flags,
    heading,
    interval,
    number,
    phases,
    plural,
    pooled_details,
    rank,
    seed_spread,
    sentence,
    stratum_name,
    title,
    unreferenced,
)
from .cost_lines import EXPLANATION, HEADINGS, cost_lines
from .table import Cell, Head, Note, Notes, PrintedTable, Row, file_stem

_BASELINE, _ORACLE = "†", "○"
_MARKS = {_ORACLE: "oracle: it reads the truth and is not ranked", _BASELINE: "baseline, not ranked"}


def print_table(board: Leaderboard, table: Table, *, intervals: bool = True) -> PrintedTable:
    """A table of a leaderboard, with a note at every cell that is not over all trials.

    Bold is the best of a column with all systems that do not differ significantly from it, and underlined is the next
    group; a column without any difference has neither.
    """
    return _Printer(board, table, intervals).printed()


def print_costs(board: Leaderboard) -> PrintedTable | None:
    """Cost of the systems; None if nothing was measured."""
    notes, rows = Notes(), []
    for line in cost_lines(board):
        named = Cell(text=line.cells[0], marks=tuple(map(notes.mark, line.notes)))
        rows.append(Row(cells=(named, *map(_with_spread, line.cells[1:]))))
    heads = (Head(text=HEADINGS[0], align="l"), *(Head(text=text) for text in HEADINGS[1:]))
    if not rows:
        return None
    explained = (Note(text=EXPLANATION), *notes.notes())
    return PrintedTable(name="cost", caption="Cost of the systems", heads=heads, rows=tuple(rows), notes=explained)


def _with_spread(text: str) -> Cell:
    """A value, with its spread below it: "0.0241 [0.0237, 0.031]" has two lines."""
    value, bracket, spread = text.partition(" [")
    return Cell(text=value, detail=f"[{spread}" if bracket else "")


@dataclass(slots=True)
class _Printer:
    board: Leaderboard
    table: Table
    intervals: bool
    notes: Notes = field(default_factory=Notes)

    def printed(self) -> PrintedTable:
        groups = [
            {} if doubt(self.table, index) else tie_groups(self.board, self.table, index)
            for index in range(len(self.table.columns))
        ]
        heads = [Head(text=c.title + heading(c).removeprefix(c.key)) for c in self.table.columns]
        rows = tuple(self._row(entry, groups) for entry in self.table.entries)
        return PrintedTable(
            name=self._name(),
            caption=f"{title(self.table)}, {plural(self.table.n_trials, 'trial')}",
            heads=(Head(text="#"), Head(text="system", align="l"), *heads),
            rows=rows,
            notes=tuple(self._notes(groups, rows)),
            stub=2,
        )

    def _row(self, entry: Entry, groups: list[Mapping[str, int]]) -> Row:
        notes = ("" if entry.by_kind else entry.note, entry.warning)
        marks = [
            *([_BASELINE] if entry.facts.family == "baseline" and rank(entry) != _BASELINE else []),
            *([_ORACLE] if entry.facts.privileged and rank(entry) != _ORACLE else []),
            *(self.notes.mark(note) for note in notes if note),
        ]
        values = (self._value(entry, index, group) for index, group in enumerate(groups))
        named = Cell(text=entry.system, marks=tuple(marks))
        return Row(cells=(Cell(text=rank(entry)), named, *values))

    def _value(self, entry: Entry, index: int, group: Mapping[str, int]) -> Cell:
        cell, unit = entry.cells[index], self.table.columns[index].facts.unit
        if cell is None or not cell.applies:
            return Cell(text=NOTHING)
        doubts = filter(None, [doubt(self.table, index), caution(self.table.columns[index])])
        remarks = [*doubts, *flags(cell, self.table.n_trials), *pooled_details(self.table, entry, index)]
        reasons = self._reasons(entry, index) if cell.n_failed or cell.n_undefined else ""
        note = "; ".join([", ".join(remarks), *([reasons] if reasons else [])])
        ends = interval(cell.ci_low, cell.ci_high, unit) if self.intervals else ""
        return Cell(
            text=number(cell.mean, unit),
            detail=" ".join(filter(None, (ends, seed_spread(cell)))),
            bold=group.get(entry.system) == 1,
            underlined=group.get(entry.system) == 2,
            marks=(self.notes.mark(note),) if remarks else (),
        )

    def _reasons(self, entry: Entry, index: int) -> str:
        """Reasons for missing values of a cell, for example "failed: length"."""
        here = (self.table.dataset, self.table.condition, entry.system)
        found = [
            f"{issue.status}: {issue.reason}"
            for issue in self.board.issues
            if (issue.dataset, issue.condition, issue.system) == here
            and issue.status in {"failed", "undefined"}
            and self.table.columns[index].key in issue.metrics
        ]
        return "; ".join(dict.fromkeys(found))

    def _name(self) -> str:
        """A file name of its own for each table, whatever the datasets are called."""
        stems = [file_stem(stratum_name(t.dataset, t.condition, "_")) for t in self.board.tables]
        place = self.board.tables.index(self.table)
        again = stems[:place].count(stems[place])
        return f"{stems[place]}_{again + 1}" if again else stems[place]

    def _notes(self, groups: list[Mapping[str, int]], rows: tuple[Row, ...]) -> list[Note]:
        used = {mark for row in rows for cell in row.cells for mark in (*cell.marks, cell.text)}
        ends = f" with {self.board.level:.0%} intervals" if self.intervals else ""
        legend = f"Means over trials{ends} (bootstrap over mixtures)" if ends else "Means over trials"
        pooled = [c.title for c in self.table.columns if c.facts.pooling == "weighted_mean"]
        legend += f"; {', '.join(pooled)} of all trials together" if pooled else ""
        if any(groups):
            legend += "; bold: the best and all that do not differ significantly from it, underlined: the next group"
        facts = [
            Note(text=sentence(text))
            for text in (draws(self.board), phases(self.table), unreferenced(self.table))
            if text
        ]
        marked = [Note(text=text, mark=mark) for mark, text in _MARKS.items() if mark in used]
        shown = (*self.table.columns, *self.table.parts)
        signatures = [Note(text=_signature(c), code=True) for c in shown]
        return [Note(text=f"{legend}."), *facts, *marked, *self.notes.notes(), *signatures]


def _signature(column: Column) -> str:
    """The signature, with the column's key before it if it does not begin with that."""
    own = column.signature.partition("|")[0] == column.key
    return column.signature if own else f"{column.key}: {column.signature}"
