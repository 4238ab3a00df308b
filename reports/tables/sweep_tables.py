"""Printed tables of sweeps: means over levels, differences to the plain set, and the spread over enrollments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import NOTHING, interval, number, p_value, stratum_name
from .enrollments import enrollment_table
from .sweeps import NONE, SweepCurves, by_sweep, sweeps
from .table import Cell, Head, Note, PrintedTable, Row, file_stem

_EXPLANATION = (
    "Level none is the plain set. The reference is that of the plain set at every level, and an improvement is over "
    "the mixture of the level. Δ is the paired difference to level none on the trials that both levels have, with a "
    "{level:.0%} bootstrap interval over mixtures; p of a sign-flip test over mixtures, corrected by Holm for the "
    "levels of one curve. Levels share their random draws."
)


def all_sweep_tables(board: Leaderboard) -> list[PrintedTable]:
    """The tables of all sweeps of a board."""
    return [table for group in by_sweep(sweeps(board)) for table in sweep_tables(board, group)]


def sweep_tables(board: Leaderboard, group: Sequence[SweepCurves]) -> list[PrintedTable]:
    """The tables of one sweep, given by its metrics: the spread over enrollments, if it has any, and the levels."""
    spread = enrollment_table(board, group)
    levels = [_level_table(board, each) for each in group]
    return [*([spread] if spread else []), *(replace(table, notes=()) for table in levels[:-1]), levels[-1]]


def _level_table(board: Leaderboard, shown: SweepCurves) -> PrintedTable:
    """A line for each level; of each system its mean, and the difference to the plain set."""
    unit = shown.column.facts.unit
    heads = [Head(text=shown.axis, align="l"), Head(text="trials")]
    for curve in shown.curves:
        heads += [Head(text=curve.system), Head(text=f"Δ to {NONE}", group=curve.system)]
    return PrintedTable(
        name=file_stem(f"{stratum_name(shown.dataset, shown.condition, '_')}_{shown.name}_{shown.column.key}"),
        caption=f"{shown.name}: {shown.column.title} {unit} on {stratum_name(shown.dataset, shown.condition)}",
        heads=tuple(heads),
        rows=tuple(_row(shown, place, unit) for place in range(len(shown.levels))),
        notes=(Note(text=_EXPLANATION.format(level=board.level)),),
    )


def _row(shown: SweepCurves, place: int, unit: str) -> Row:
    cells = [Cell(text=shown.levels[place]), Cell(text=str(shown.tables[place].n_trials))]
    for curve in shown.curves:
        cell, difference = curve.cells[place], curve.differences[place]
        if cell is None:
            cells.append(Cell(text=NOTHING))
        else:
            cells.append(Cell(text=number(cell.mean, unit), detail=interval(cell.ci_low, cell.ci_high, unit)))
        if difference is None or not difference.n:
            cells.append(Cell(text=NOTHING))
        else:
            text = number(difference.mean, unit, signed=True)
            detail = f"{interval(difference.ci_low, difference.ci_high, unit, signed=True)} {p_value(difference)}"
            cells.append(Cell(text=text, detail=detail))
    return Row(cells=tuple(cells))
