"""Records of a leaderboard that report formats read and `leaderboard.json` holds.

The file gives facts of metrics and systems once, and no names that a cell has from its place in a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, with_config

from ... import __version__
from ...bench.metrics.protocol import MetricInfo
from ...bench.run.record import RunFacts
from ...bench.run.system_facts import SystemFacts
from ...bench.statistics.aggregate import Aggregate
from ...bench.statistics.comparison import Difference
from ...bench.text_columns import renamed
from ...core.errors import ConfigError, listed
from ...core.json_fields import CLOSED
from .columns import Column

SCHEMA_VERSION: Literal["2.4"] = "2.4"
"""First number: a reader of the older version would be wrong; second: it would lack something."""

ORACLE, BASELINE = "oracle: reads the truth", "baseline: not ranked"
"""Notes of the entries that have no rank because of what they are."""


def _by_metric(cells: tuple[Aggregate | None, ...]) -> dict[str, Aggregate]:
    return {cell.metric: cell for cell in cells if cell is not None}


def _placed(entries: object, info: ValidationInfo) -> object:
    """Stored entries of a table, with the facts and names that their place in the file gives."""
    known = {"dataset", "condition", "columns", "parts", "primary_key"} <= info.data.keys()
    if not known or not isinstance(entries, list) or info.context is None:
        return entries
    systems: Mapping[str, SystemFacts] = info.context["systems"]
    return [_placed_entry(e, info.data, systems) if isinstance(e, dict) else e for e in entries]


def _placed_entry(
    stored: dict[str, Any], table: Mapping[str, Any], systems: Mapping[str, SystemFacts]
) -> dict[str, Any]:
    system = str(stored.get("system"))
    if system not in systems:
        raise ValueError(f"there are no facts of {system!r} in `systems`")
    names = {"system": system, "dataset": table["dataset"], "condition": table["condition"]}
    placed = {**stored, "facts": systems[system]}
    for part, columns in (("cells", table["columns"]), ("parts", table["parts"])):
        cells = stored.get(part)
        if isinstance(cells, dict):
            keys = [column.key for column in columns]
            if unknown := set(cells) - set(keys):
                raise ValueError(f"{part} of {system!r} name no column: {sorted(unknown)}")
            placed[part] = [_named(cells.get(key), {**names, "metric": key}) for key in keys]
    placed["gap"] = _named(stored.get("gap"), {**names, "metric": table["primary_key"]})
    return placed


def _named(stored: object, names: Mapping[str, object]) -> object:
    return {**stored, **names} if isinstance(stored, dict) else stored


Cells = Annotated[tuple[Aggregate | None, ...], PlainSerializer(_by_metric, return_type=dict[str, Aggregate])]
"""One cell for each column, None where there are no rows; stored by the key of the column."""


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One system in a table.

    Attributes:
        system: displayed name; the run's name follows if two runs disagree on a system's values.
        rank: from 1, shared by systems that do not differ significantly; None for the reason in `note`: baselines and
            oracles have none, nor systems with missing or failed trials, nor ones whose phase is generated where the
            primary metric needs it.
        warning: overlap of its training data with the dataset, "" if none is known.
        n_missing: expected trials without a row of the primary metric.
        n_failed: trials whose primary metric failed.
        gap: primary metric of this system minus that of the table's leader, on paired trials; the p-value is corrected
            for all comparisons of the table.
    """

    system: str
    facts: Annotated[SystemFacts, Field(exclude=True)]
    rank: int | None
    note: str
    warning: str = ""
    n_missing: int
    n_failed: int
    cells: Cells
    parts: Cells
    gap: Difference | None = None

    @property
    def complete(self) -> bool:
        """No trial is missing or failed."""
        return self.n_missing == 0 and self.n_failed == 0

    @property
    def by_kind(self) -> bool:
        """Whether it has no rank because it is an oracle or a baseline, and for no other reason."""
        return self.note in {ORACLE, BASELINE}


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One stratum of one dataset.

    Attributes:
        condition: label of the stratum, for example "PMQ 1:3".
        fingerprint: of the dataset; "" if no run has it.
        n_trials: number of trials that each system should have.
        parts: metrics that are parts of one of the columns, and are shown in its cells.
        primary_key: key of the column that sorts the table, or None if no direction is known.
        leader: ranked system with the best mean; its rank is 1.
        rival: system that the summary compares the leader with; it may be a baseline.
        unreferenced: metrics that do not apply to any trial, since they compare with a clean reference and there is
            none: they have no column, and rank nothing.
    """

    dataset: str
    condition: str
    fingerprint: str = ""
    n_trials: int
    columns: tuple[Column, ...]
    parts: tuple[Column, ...]
    primary_key: Annotated[str | None, Field(alias="primary")]
    entries: Annotated[tuple[Entry, ...], BeforeValidator(_placed)]
    leader: str | None = None
    rival: str | None = None
    unreferenced: tuple[str, ...] = ()

    @property
    def primary(self) -> int | None:
        """Index of the column that sorts the table."""
        return next((i for i, column in enumerate(self.columns) if column.key == self.primary_key), None)

    def entry(self, system: str | None) -> Entry | None:
        """The entry of a system, or None."""
        return next((entry for entry in self.entries if entry.system == system), None)

    def primary_cell(self, entry: Entry) -> Aggregate | None:
        """The cell that sorts the table, None without a value."""
        cell = None if self.primary is None else entry.cells[self.primary]
        return None if cell is None or math.isnan(cell.mean) else cell


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Trials of one system that are missing, failed, undefined, flagged or contaminated, for one reason.

    Contaminated trials share recordings or speakers with the system's training data.
    """

    dataset: str
    condition: str
    system: str
    status: str
    reason: str
    metrics: tuple[str, ...]
    n_trials: int
    first_trials: tuple[str, ...]


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """All tables, issues, and where the numbers come from.

    Attributes:
        tables: of all sets but levels of sweeps.
        level_tables: of levels of sweeps over sets that are in `tables`; the facts of a run's datasets have the level.
        generator: program and version, for example "tsebench 0.1.0".
        level: coverage of the intervals.
        resamples: number of bootstrap draws; `seed` is theirs.
        interval_method: name of the intervals of means; that of older documents where they name none.
        remarks: sentences on metrics that fail on the references themselves or do not tell them from mixtures, on the
            runs (unfinished, merged by id alone, of other versions), and on systems and metrics of one name that are
            shown apart.
        metrics: facts of the metrics of all columns, by name.
        system_facts: facts of the systems of all entries, by displayed name.
        rows: merged rows behind the tables, with the labels of the strata in `condition`, and `system` and `metric` as
            the tables name them; for slices, single trials and figures.
        folders: run folders, if known; the players look there for audio.
    """

    schema_version: Literal["2.4"] = SCHEMA_VERSION
    generator: str = f"tsebench {__version__}"
    level: float = 0.95
    resamples: int = 1000
    seed: int = 0
    interval_method: str = "percentile|clusters|tsebench:1"
    remarks: tuple[str, ...] = ()
    tables: tuple[Table, ...]
    level_tables: tuple[Table, ...] = ()
    metrics: Mapping[str, MetricInfo] = field(default_factory=dict)
    system_facts: Annotated[Mapping[str, SystemFacts], Field(alias="systems")] = field(default_factory=dict)
    issues: tuple[Issue, ...]
    runs: tuple[RunFacts, ...] = ()
    rows: Annotated[pd.DataFrame, Field(exclude=True)] = field(default_factory=pd.DataFrame, compare=False, repr=False)
    folders: Annotated[tuple[Path, ...], Field(exclude=True)] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        every = (*self.tables, *self.level_tables)
        columns = [c for table in every for c in (*table.columns, *table.parts)]
        facts = {entry.system: entry.facts for table in every for entry in table.entries}
        object.__setattr__(self, "metrics", {column.facts.name: column.facts for column in columns})
        object.__setattr__(self, "system_facts", dict(sorted(facts.items())))

    def __repr__(self) -> str:
        datasets, systems = listed(self.datasets, length=60), listed(self.systems, length=60)
        return f"<Leaderboard of {systems} on {datasets}: {len(self.tables)} tables, {len(self.issues)} issues>"

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets, levels of sweeps left out, in the order of the tables."""
        return tuple(dict.fromkeys(table.dataset for table in self.tables))

    @property
    def systems(self) -> tuple[str, ...]:
        """Names of the systems, sorted."""
        return tuple(self.system_facts)

    def alarms(self, issue: Issue) -> bool:
        """Whether an issue is a fault: something failed, is missing or contaminated that no card promises."""
        if issue.status == "failed":
            return not self.system_facts.get(issue.system, SystemFacts()).expects(issue.reason)
        return issue.status in {"missing", "contaminated"}

    def of(self, dataset: str) -> tuple[Table, ...]:
        """The tables of one dataset."""
        return tuple(table for table in self.tables if table.dataset == dataset)

    @property
    def score_rows(self) -> pd.DataFrame:
        """`rows` with the kind alone in `condition`, as `bench.statistics` takes them."""
        if self.rows.empty:
            return self.rows
        return self.rows.assign(condition=renamed(self.rows["condition"], lambda label: label.partition(" ")[0]))

    def to_frame(self) -> pd.DataFrame:
        """The leaderboard as a long table: one line for each system, stratum and metric.

        Rank and difference to the leader stand in the line of the primary metric: systems of one rank do not differ
        significantly; `p_adjusted` is corrected for all comparisons of the table.

        Raises:
            ConfigError: there is no line.
        """
        lines = [
            _line(table, entry, index, column, cell)
            for table in (*self.tables, *self.level_tables)
            for entry in table.entries
            for index, (column, cell) in enumerate(_columns(table, entry))
            if cell is not None
        ]
        if not lines:
            raise ConfigError("the leaderboard has no table with values; write it again from its run folders")
        return pd.DataFrame(lines).astype({"rank": "Int64", "n_paired": "Int64"})


_GAP = {"difference": "mean", "difference_low": "ci_low", "difference_high": "ci_high", "n_paired": "n"}


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
        **{name: getattr(cell, name) for name in ("mean", "trial_mean", "ci_low", "ci_high", "median", "n")},
        "n_samples": cell.n_samples,
        "seed_sd": cell.seed_sd,
        "n_expected": table.n_trials,
        "n_missing": entry.n_missing,
        **{name: getattr(cell, name) for name in ("n_failed", "n_undefined", "n_inapplicable", "n_floored")},
        "leader": table.leader if primary else None,
        **{name: getattr(gap, field) if gap else None for name, field in _GAP.items()},
        "p_value": gap.p_value if gap else None,
        "p_adjusted": gap.p_adjusted if gap else None,
        "signature": column.signature,
    }
