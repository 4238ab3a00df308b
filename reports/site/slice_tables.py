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

_DIGITS = 4  # after the point, in the data of the page; more than any cell shows

Numbers = list[float | int | None]


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
    """Data of a table's slices for the page's script: [mean, low, high, n, ...] for each cell."""
    return {
        "decimals": [decimals(column.facts.unit) for column in table.columns],
        "slices": [
            {
                "dimension": found.slice.title,
                "text": found.slice.text,
                "n": found.n_trials,
                "cells": [[_numbers(found.cells.get((e.system, c.key))) for c in table.columns] for e in table.entries],
            }
            for found in slices
        ],
    }


def _numbers(cell: Aggregate | None) -> Numbers | int:
    """0 where a metric does not apply; trailing counts of zero are dropped."""
    if cell is None or not cell.applies:
        return 0
    numbers = [_number(value) for value in (cell.mean, cell.ci_low, cell.ci_high)]
    counts = [cell.n, cell.n_failed, cell.n_undefined, cell.n_floored, cell.n_inapplicable]
    while len(counts) > 1 and not counts[-1]:
        counts.pop()
    return [*numbers, *counts]


def _number(value: float) -> float | None:
    """Rounded for JSON; None for NaN, ±1e308 for infinity."""
    if math.isnan(value):
        return None
    return math.copysign(1e308, value) if math.isinf(value) else round(value, _DIGITS)
