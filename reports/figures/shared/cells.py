"""Means, intervals and counts as figures need them: frames, and sentences on what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pandas as pd

from ....bench.statistics.aggregate import Aggregate
from ...leaderboard.board import Column, Leaderboard, Table
from ...leaderboard.metric_facts import written
from ...leaderboard.wording import flags, plural

COLUMNS = ("system", "mean", "ci_low", "ci_high", "n", "n_failed", "n_undefined", "n_floored")


def record(cell: Aggregate) -> dict[str, str | float | int]:
    """The numbers of a cell that a mark of a figure stands for."""
    return {name: getattr(cell, name) for name in COLUMNS}


def label(column: Column) -> str:
    """A metric with its unit for an axis: "SNRi [dB]"."""
    unit = "" if ".." in column.facts.unit else column.facts.unit
    return f"{written(column.key)} [{unit}]" if unit else written(column.key)


def primaries(board: Leaderboard) -> Iterator[tuple[Table, Column, int]]:
    """Tables that have a primary metric, with it and its place."""
    for table in board.tables:
        if table.primary is not None:
            yield table, table.columns[table.primary], table.primary


def remarks(cells: Iterable[tuple[str, Aggregate | None, int]]) -> str:
    """What a reader must know of the means: "soundbeam in PMQ 1:3: n=38, 2 failed".

    Args:
        cells: where it stands, the cell, and how many trials it should have.
    """
    told = []
    for where, cell, n_trials in cells:
        if cell is None or not cell.applies:
            told.append(f"{where}: no value")
        elif found := flags(cell, n_trials):
            told.append(f"{where}: {', '.join(found)}")
    return f" Not over all trials, or at the floor: {'; '.join(told)}." if told else ""


def bounds(board: Leaderboard) -> str:
    """How the intervals were made."""
    return f"{board.level:.0%} bootstrap intervals over mixtures"


def trials(counts: Iterable[int]) -> str:
    """How many, for example "40 trials" or "38 to 40 trials"."""
    found = sorted(set(counts))
    return plural(found[0], "trial") if len(found) == 1 else f"{found[0]} to {found[-1]} trials"


def errors(data: pd.DataFrame) -> list[list[float]]:
    """Lengths of the whiskers below and above the means [2][N]; 0 where there is no interval."""
    low = [max(0.0, m - e) if math.isfinite(e) else 0.0 for m, e in _pairs(data, "ci_low")]
    high = [max(0.0, e - m) if math.isfinite(e) else 0.0 for m, e in _pairs(data, "ci_high")]
    return [low, high]


def _pairs(data: pd.DataFrame, end: str) -> Iterator[tuple[float, float]]:
    return zip(data["mean"].tolist(), data[end].tolist(), strict=True)


def counts_of(condition: str) -> tuple[int, int]:
    """Active and inactive classes of a stratum such as "PMQ 1:3"."""
    active, _, inactive = condition.partition(" ")[2].partition(":")
    return int(active), int(inactive)
