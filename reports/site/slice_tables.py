"""Slices of the tables for the page's script and the pages of systems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...bench.statistics.aggregate import Aggregate
from ..leaderboard.board import Leaderboard, Table
from ..leaderboard.wording import decimals
from ..slices.dimensions import Slice
from ..slices.slices import aggregate_slices


@dataclass(frozen=True, kw_only=True)
class SlicedTable:
    """One slice of one table, with cells by system and metric."""

    slice: Slice
    cells: dict[tuple[str, str], Aggregate]

    @cached_property
    def n_trials(self) -> int:
        """Trials of the slice that any system has."""
        return max(c.n + c.n_failed + c.n_undefined + c.n_inapplicable for c in self.cells.values())


Sliced = dict[tuple[str, str], list[SlicedTable]]
"""Slices by dataset and stratum."""


def sliced(board: Leaderboard) -> Sliced:
    """All slices of all tables of a board, in order; none without rows."""
    if board.rows.empty:
        return {}
    cells = aggregate_slices(board.score_rows, level=board.level, resamples=board.resamples, seed=board.seed)
    grouped: dict[tuple[str, str], dict[Slice, dict[tuple[str, str], Aggregate]]] = {}
    for found in cells:
        slices = grouped.setdefault((found.cell.dataset, found.cell.condition), {})
        slices.setdefault(found.slice, {})[found.cell.system, found.cell.metric] = found.cell
    return {
        place: [SlicedTable(slice=part, cells=own) for part, own in slices.items()] for place, slices in grouped.items()
    }


def slice_json(table: Table, slices: Sequence[SlicedTable]) -> dict[str, object]:
    """Data of a table's slices for the page's script.

    The cells of a slice are one text, row by row, with a space between them: "1150,21,19" is a mean of 11.50 with an
    interval from 11.29 to 11.69 in a column of two decimals, and "1150,20" one from 11.30 to 11.70. Counts follow where
    they are needed: trials with a value if these are not all of the slice, failed, undefined, floored and inapplicable
    ones. A cell without rows is empty.
    """
    return {
        "decimals": [decimals(column.facts.unit) for column in table.columns],
        "slices": [
            {
                "dimension": found.slice.title,
                "text": found.slice.text,
                "n": found.n_trials,
                "cells": " ".join(
                    cell_text(found.cells.get((entry.system, column.key)), column.facts.unit, found.n_trials)
                    for entry in table.entries
                    for column in table.columns
                ),
            }
            for found in slices
        ],
    }


def cell_text(cell: Aggregate | None, unit: str, n_trials: int) -> str:
    """The text of a cell in a slice of so many trials."""
    if cell is None or not cell.applies:
        return ""
    mean, low, high = (_shown(value, unit) for value in (cell.mean, cell.ci_low, cell.ci_high))
    counts = [cell.n, cell.n_failed, cell.n_undefined, cell.n_floored, cell.n_inapplicable]
    while len(counts) > 1 and not counts[-1]:
        counts.pop()
    below = above = ""
    if mean is not None and low is not None and high is not None:
        below, above = str(mean - low), str(high - mean) if low + high != 2 * mean else ""
    value = str(cell.mean).replace("inf", "Infinity").replace("nan", "") if mean is None else str(mean)
    parts = [value, below, above, *map(str, [] if counts == [n_trials] else counts)]
    return ",".join(parts).rstrip(",")


def _shown(value: float, unit: str) -> int | None:
    """A value as it is shown, in units of its last digit; None unless it is finite."""
    return int(f"{value:.{decimals(unit)}f}".replace(".", "")) if math.isfinite(value) else None
