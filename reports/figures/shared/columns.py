"""One column of a table as figures use it: means, values of single trials, labels and captions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ....bench.statistics.aggregate import Aggregate
from ...leaderboard.board import Leaderboard, Table
from ...leaderboard.columns import Column
from ...leaderboard.wording import flags, title
from .scales import Scale, limits, off_scale, scale_of
from .style import Look, looks

COLUMNS = ("system", "mean", "ci_low", "ci_high", "n", "n_failed", "n_undefined", "n_floored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Values of single trials of the systems of a table, in its order, and the scale of their axis."""

    systems: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    scale: Scale

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.float64]]]:
        return ((system, self.values[system]) for system in self.systems)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotColumn:
    """A column of a table of a board, with the looks of the board's systems."""

    board: Leaderboard
    table: Table
    index: int
    looks: Mapping[str, Look]

    @property
    def column(self) -> Column:
        """The column's metric."""
        return self.table.columns[self.index]

    @property
    def label(self) -> str:
        """The metric with its unit for an axis: "SNRi [dB]"."""
        unit = "" if ".." in self.column.facts.unit else self.column.facts.unit
        return f"{self.column.title} [{unit}]" if unit else self.column.title

    @property
    def heading(self) -> str:
        """The table and its size for a caption: "mini_sounds · FMQ 1:0, 40 trials"."""
        return f"{title(self.table)}, {self.table.n_trials} trials"

    @property
    def bounds(self) -> str:
        """Level and method of the intervals."""
        return f"{self.board.level:.0%} bootstrap intervals over mixtures"

    @property
    def cells(self) -> list[tuple[str, Aggregate | None]]:
        """Each system with its cell."""
        return [(entry.system, entry.cells[self.index]) for entry in self.table.entries]

    @property
    def remarks(self) -> str:
        """Sentence on the systems whose means do not cover all trials."""
        return remarks((system, cell, self.table.n_trials) for system, cell in self.cells)

    def name(self, *more: str) -> str:
        """Name of a plot of the table."""
        return "_".join(filter(None, [self.table.dataset, self.table.condition, *more]))

    def scale(self, data: pd.DataFrame, *, zero: bool = False) -> Scale:
        """Scale of means, see `scale_of`."""
        return scale_of(data, self.looks, unit=self.column.facts.unit, zero=zero)

    def legend(self, scale: Scale, systems: Iterable[str]) -> list[str]:
        """Labels of systems, with the means of those off the scale."""
        return [scale.label(system, self.looks[system]) for system in systems]

    def values(self) -> pd.DataFrame:
        """Values of single trials that are ok: columns system, trial_id, value."""
        rows = self.board.rows
        if rows.empty:
            return pd.DataFrame({"system": [], "trial_id": [], "value": []})
        here = (
            (rows["dataset"] == self.table.dataset)
            & (rows["condition"] == self.table.condition)
            & (rows["metric"] == self.column.key)
            & (rows["status"] == "ok")
        )
        found = rows.loc[here, ["system", "trial_id", "value"]]
        return found.sort_values(["system", "trial_id"], ignore_index=True)

    def spread(self, data: pd.DataFrame) -> Spread:
        """Values by system; those off the scale are named but not drawn."""
        means = pd.DataFrame([record(cell) for _, cell in self.cells if cell is not None])
        off = off_scale(means, self.looks)
        values = {str(name): part["value"].to_numpy(float) for name, part in data.groupby("system")}
        systems = tuple(name for name, _ in self.cells if name in values and name not in off)
        finite = {name: values[name][np.isfinite(values[name])] for name in systems}
        low, high = limits([x for name in systems for x in finite[name]] or [0.0])
        return Spread(systems=systems, values=finite, scale=Scale(low=low, high=high, off=self.scale(means).off))


def columns_of(board: Leaderboard) -> Iterator[PlotColumn]:
    """All columns of all tables."""
    found = looks(board)
    for table in board.tables:
        for index in range(len(table.columns)):
            yield PlotColumn(board=board, table=table, index=index, looks=found)


def primaries(board: Leaderboard) -> Iterator[PlotColumn]:
    """The primary metric of each table that has one."""
    return (found for found in columns_of(board) if found.index == found.table.primary)


def record(cell: Aggregate) -> dict[str, str | float | int]:
    """The numbers of a cell, as one line of a plot's data."""
    return {name: getattr(cell, name) for name in COLUMNS}


def remarks(cells: Iterable[tuple[str, Aggregate | None, int]]) -> str:
    """Sentence on means that do not cover all trials: "soundbeam in PMQ 1:3: n=38, 2 failed".

    `cells` are labels, cells, and the number of trials that each should have.
    """
    lines = []
    for where, cell, n_trials in cells:
        if cell is None or not cell.applies:
            lines.append(f"{where}: no value")
        elif found := flags(cell, n_trials):
            lines.append(f"{where}: {', '.join(found)}")
    return f" Not over all trials, or at the floor: {'; '.join(lines)}." if lines else ""


def errors(data: pd.DataFrame) -> list[list[float]]:
    """Lengths of the whiskers below and above the means [2][N]; NaN, which draws none, where there is no interval."""
    lengths = (data["mean"] - data["ci_low"], data["ci_high"] - data["mean"])
    return [[max(0.0, x) if math.isfinite(x) else math.nan for x in side.tolist()] for side in lengths]


LONE = "a single mixture: no interval"
"""Label of the marks of means without an interval."""


def lone(data: pd.DataFrame) -> NDArray[np.bool_]:
    """Which means [N] have no interval, because all their trials are of one mixture."""
    means, ends = data["mean"].to_numpy(float), data["ci_low"].to_numpy(float)
    found: NDArray[np.bool_] = np.isfinite(means) & np.isnan(ends)
    return found


def lone_remark(data: pd.DataFrame, mark: str) -> str:
    """Sentence of a caption on means without an interval; "" if there are none."""
    return f" {mark}: {LONE}." if lone(data).any() else ""
