"""Slices of the tables for the page's script and the pages of systems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...bench.run.record import BootstrapFacts
from ...bench.statistics.aggregate import Aggregate
from ..leaderboard.board import Leaderboard, Table
from ..leaderboard.wording import decimals
from ..slices.dimensions import Slice
from ..slices.slices import SliceCell, aggregate_slices, dimensions_of

_DIGITS = 4  # after the point, in the data of the page; more than any cell shows

Numbers = list[float | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicedTable:
    """One slice of one table.

    Attributes:
        title: of the dimension.
        n_trials: trials of the slice that any system has.
        cells: by system and metric.
    """

    slice: Slice
    title: str
    n_trials: int
    cells: dict[tuple[str, str], Aggregate]


Sliced = dict[tuple[str, str], list[SlicedTable]]
"""Slices by dataset and stratum."""


def sliced(board: Leaderboard) -> Sliced:
    """All slices of all tables of a board, in order; none without rows."""
    if board.rows.empty:
        return {}
    wanted = next((run.config.bootstrap for run in board.runs if run.config), BootstrapFacts())
    seed = next((run.seed for run in board.runs if run.seed is not None), 0)
    kinds = {label: label.partition(" ")[0] for label in board.rows["condition"].unique()}
    rows = board.rows.assign(condition=board.rows["condition"].map(kinds))
    dimensions = dimensions_of(rows)
    cells = aggregate_slices(rows, dimensions, level=board.level, resamples=wanted.resamples, seed=seed)
    grouped: dict[tuple[str, str], dict[Slice, list[SliceCell]]] = {}
    for found in cells:
        place = grouped.setdefault((found.cell.dataset, found.cell.condition), {})
        place.setdefault(found.slice, []).append(found)
    titles = {dimension.name: dimension.title for dimension in dimensions}
    return {
        place: [_table(part, titles[part.name], of) for part, of in slices.items()]
        for place, slices in grouped.items()
    }


def _table(part: Slice, title: str, found: Sequence[SliceCell]) -> SlicedTable:
    cells = {(each.cell.system, each.cell.metric): each.cell for each in found}
    return SlicedTable(
        slice=part,
        title=title,
        n_trials=max(c.n + c.n_failed + c.n_undefined + c.n_inapplicable for c in cells.values()),
        cells=cells,
    )


def slice_json(table: Table, slices: Sequence[SlicedTable]) -> dict[str, object]:
    """Data of a table's slices for the page's script: [mean, low, high, n, ...] for each cell."""
    return {
        "decimals": [decimals(column.facts.unit) for column in table.columns],
        "slices": [
            {
                "dimension": found.title,
                "text": found.slice.text,
                "n": found.n_trials,
                "cells": [
                    [_numbers(found.cells.get((e.system, c.key))) for c in table.columns]
                    for e in table.entries
                ],
            }
            for found in slices
        ],
    }


def _numbers(cell: Aggregate | None) -> Numbers | int:
    """0 where a metric does not apply; trailing counts of zero are dropped."""
    if cell is None or not cell.applies:
        return 0
    numbers = [_number(value) for value in (cell.mean, cell.ci_low, cell.ci_high)]
    counts = [cell.n, cell.n_failed, cell.n_undefined, cell.n_floored]
    counts.append(cell.n_inapplicable)
    while len(counts) > 1 and not counts[-1]:
        counts.pop()
    return [*numbers, *counts]


def _number(value: float) -> float | None:
    """Rounded for JSON; None for NaN, ±1e308 for infinity."""
    if math.isnan(value):
        return None
    return math.copysign(1e308, value) if math.isinf(value) else round(value, _DIGITS)
