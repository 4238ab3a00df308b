"""The nouns of a leaderboard; every report format reads these and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ...bench.metrics.protocol import MetricInfo
from ...bench.run.record import RunFacts, SystemFacts
from ...bench.statistics.aggregate import Aggregate
from ...bench.statistics.comparison import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One metric of a table.

    Attributes:
        key: the metric's name; with a number behind it if the table has two signatures of it.
        best: systems with the best mean among those that may be ranked by this metric.
    """

    key: str
    facts: MetricInfo
    signature: str
    best: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The key as papers write it: "si_sdri" is "SI-SDRi", "snri [2]" is "SNRi [2]"."""
        return self.facts.title + self.key.removeprefix(self.facts.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One system in a table.

    Attributes:
        parts: cells of the table's part columns.
        system: as shown; the run's name follows if two runs disagree on a system's values.
        rank: from 1, shared by systems that do not differ significantly; or None, and `note` says
            why.
        n_missing: expected trials without a row of the primary metric.
        n_failed: trials whose primary metric failed.
        cells: one for each column; None where there are no rows.
        gap: primary metric of this system minus that of the table's leader, on paired trials; the
            p-value is corrected for all comparisons of the table.
        warning: that it was trained on part of the dataset, "" if nothing is known of that.
    """

    system: str
    facts: SystemFacts
    rank: int | None
    note: str
    n_missing: int
    n_failed: int
    cells: tuple[Aggregate | None, ...]
    parts: tuple[Aggregate | None, ...]
    gap: Difference | None = None
    warning: str = ""

    @property
    def complete(self) -> bool:
        """No trial is missing or failed."""
        return self.n_missing == 0 and self.n_failed == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One stratum of one dataset.

    Attributes:
        condition: label of the stratum, for example "PMQ 1:3".
        parts: metrics that are parts of one of the columns, and are told in its cells.
        n_trials: how many trials each system should have.
        primary: index of the column that sorts the table, or None if no direction is known.
        leader: ranked system with the best mean that is no baseline, if any; else the best ranked.
        rival: what the leader is compared with in the summary.
    """

    dataset: str
    condition: str
    n_trials: int
    columns: tuple[Column, ...]
    parts: tuple[Column, ...]
    entries: tuple[Entry, ...]
    primary: int | None
    leader: str | None = None
    rival: str | None = None

    def entry(self, system: str | None) -> Entry | None:
        """The entry of a system, or None."""
        return next((entry for entry in self.entries if entry.system == system), None)

    def primary_cell(self, entry: Entry) -> Aggregate | None:
        """The cell that sorts the table, None without a value."""
        cell = None if self.primary is None else entry.cells[self.primary]
        return None if cell is None or math.isnan(cell.mean) else cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Trials of one system that are missing, failed, undefined or flagged for one reason.

    Or those that it may know from its training: then `status` is "contaminated".
    """

    dataset: str
    condition: str
    system: str
    status: str
    reason: str
    metrics: tuple[str, ...]
    n_trials: int
    first_trials: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """All tables, what went wrong, and where the numbers come from.

    Attributes:
        level: coverage of the intervals.
        remarks: what a reader must know of the runs: unfinished, merged by id alone, of other
            versions; and which systems and metrics of one name are told apart.
        resamples: number of bootstrap draws behind them.
        seed: of these draws.
        rows: merged rows behind the tables, with the labels of the strata in `condition`, and
            `system` and `metric` as the tables name them; for slices, single trials and figures.
        folders: the run folders, as far as they are known; the players look there for audio.
    """

    tables: tuple[Table, ...]
    issues: tuple[Issue, ...]
    runs: tuple[RunFacts, ...] = field(default=())
    level: float = 0.95
    remarks: tuple[str, ...] = ()
    resamples: int = 1000
    seed: int = 0
    rows: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False, repr=False)
    folders: tuple[Path, ...] = field(default=(), compare=False)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets, in the order of the tables."""
        return tuple(dict.fromkeys(table.dataset for table in self.tables))

    @property
    def systems(self) -> tuple[str, ...]:
        """Names of the systems, sorted."""
        return tuple(sorted({entry.system for table in self.tables for entry in table.entries}))

    def of(self, dataset: str) -> tuple[Table, ...]:
        """The tables of one dataset."""
        return tuple(table for table in self.tables if table.dataset == dataset)

    @property
    def score_rows(self) -> pd.DataFrame:
        """`rows` with the kind alone in `condition`, as `bench.statistics` takes them."""
        if self.rows.empty:
            return self.rows
        return self.rows.assign(condition=self.rows["condition"].str.partition(" ")[0])

    def to_frame(self) -> pd.DataFrame:
        """One line for each system, stratum and metric, as in the report `csv`."""
        return frame(self)


def frame(board: Leaderboard) -> pd.DataFrame:
    """The leaderboard as a long table, for a notebook or a spreadsheet.

    Rank and difference to the leader stand in the line of the primary metric: systems of one rank
    do not differ significantly; `p_adjusted` is corrected for all comparisons of the table.
    """
    lines = pd.DataFrame(
        [
            _line(table, entry, index, column, cell)
            for table in board.tables
            for entry in table.entries
            for index, (column, cell) in enumerate(_columns(table, entry))
            if cell is not None
        ]
    )
    return lines.astype({"rank": "Int64", "n_paired": "Int64"})


def _columns(table: Table, entry: Entry) -> Iterator[tuple[Column, Aggregate | None]]:
    yield from zip(table.columns, entry.cells, strict=True)
    yield from zip(table.parts, entry.parts, strict=True)


def _line(
    table: Table, entry: Entry, index: int, column: Column, cell: Aggregate
) -> dict[str, str | int | float | bool | None]:
    primary = index == table.primary
    gap = entry.gap if primary else None
    return {
        "dataset": table.dataset,
        "condition": table.condition,
        "system": entry.system,
        "privileged": entry.facts.privileged,
        "rank": entry.rank if primary else None,
        "note": entry.note if primary else "",
        "warning": entry.warning,
        "metric": column.key,
        "unit": column.facts.unit,
        "mean": cell.mean,
        "trial_mean": cell.trial_mean,
        "ci_low": cell.ci_low,
        "ci_high": cell.ci_high,
        "median": cell.median,
        "n": cell.n,
        "n_expected": table.n_trials,
        "n_missing": entry.n_missing,
        "n_failed": cell.n_failed,
        "n_undefined": cell.n_undefined,
        "n_inapplicable": cell.n_inapplicable,
        "n_floored": cell.n_floored,
        "leader": table.leader if primary else None,
        "difference": gap.mean if gap else None,
        "difference_low": gap.ci_low if gap else None,
        "difference_high": gap.ci_high if gap else None,
        "n_paired": gap.n if gap else None,
        "p_value": gap.p_value if gap else None,
        "p_adjusted": gap.p_adjusted if gap else None,
        "signature": column.signature,
    }
