"""The numbers of one run as the tables of papers ask for them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from ...bench.run.record import DatasetFacts, RunFacts
from ...bench.statistics.class_thresholds import threshold_sweep
from ...bench.statistics.pooling import POOLINGS
from ..leaderboard.board import Column, Entry, Leaderboard, Table
from ..leaderboard.metric_facts import MetricFacts, metric_facts
from ..leaderboard.ranking import tiers
from ..leaderboard.wording import flags
from .paper_table import Measured

_COSTS = {"params": (1e6, "M"), "macs_per_s": (1e9, "G/s")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One of our numbers.

    Attributes:
        unit: dB, %, M, ...; "" for a range such as 0..1.
        ci_low: NaN where there is no interval.
        remarks: what a reader of the mean must know.
        best: it is the best of its run and stratum, or does not differ significantly from that.
    """

    mean: float
    unit: str
    ci_low: float = math.nan
    ci_high: float = math.nan
    remarks: tuple[str, ...] = ()
    best: bool = False
    signature: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a number stands in a leaderboard."""

    table: Table
    entry: Entry
    index: int

    @property
    def column(self) -> Column:
        return self.table.columns[self.index]


class _Groups(dict[tuple[str, str, int], Mapping[str, int]]):
    """Which group each system of a run is in, by set, condition and column.

    Systems of other runs on the same set do not count: a paper's table is of one run.
    """

    def __init__(
        self, board: Leaderboard, tables: Mapping[tuple[str, str], Table], systems: Set[str]
    ) -> None:
        super().__init__()
        self._board, self._tables, self._systems = board, tables, systems

    def __missing__(self, key: tuple[str, str, int]) -> Mapping[str, int]:
        dataset, condition, index = key
        table = self._tables[dataset, condition]
        own = tuple(entry for entry in table.entries if entry.system in self._systems)
        if len(own) < len(table.entries):
            table = replace(table, entries=own, primary=None)
        found = self[key] = tiers(self._board, table, index)
        return found


@dataclass(frozen=True)
class RunResults:
    """One run of a leaderboard, which may hold several."""

    board: Leaderboard
    run: RunFacts

    def value(self, wanted: Measured) -> Value | None:
        """A number; None if the run does not have it."""
        if wanted.metric in _COSTS:
            return self._cost(wanted)
        place = next(self._places(wanted), None)
        if place is None:
            return None
        cell = place.entry.cells[place.index]
        if cell is None or not cell.applies:
            return None
        facts, table = place.column.facts, place.table
        remarks = [*flags(cell, table.n_trials)]
        if place.entry.n_missing:
            remarks.append(f"{place.entry.n_missing} of {table.n_trials} trials missing")
        if place.entry.warning:
            remarks.append(place.entry.warning)
        if wanted.threshold is not None:
            return self._at_threshold(wanted, place, tuple(remarks))
        return Value(
            mean=cell.mean,
            unit=unit_of(facts),
            ci_low=cell.ci_low,
            ci_high=cell.ci_high,
            remarks=tuple(remarks),
            best=self._is_best(place),
            signature=place.column.signature,
        )

    def rows(self, wanted: Measured) -> pd.DataFrame:
        """The score rows behind a number, none if the run does not have it."""
        every = self.board.score_rows
        place = next(self._places(wanted), None)
        if place is None or every.empty:
            return every.iloc[:0]
        kind, _, numbers = wanted.condition.partition(" ")
        active, _, inactive = numbers.partition(":")
        return every[
            (every["dataset"] == place.table.dataset)
            & (every["system"] == place.entry.system)
            & (every["metric"] == place.column.key)
            & (every["condition"] == kind)
            & (every["n_active"] == int(active))
            & (every["n_inactive"] == int(inactive))
        ]

    def dataset(self, wanted: Measured) -> tuple[str, DatasetFacts] | None:
        """Name and facts of the set that a number is of."""
        place = next(self._places(wanted), None)
        return None if place is None else (place.table.dataset, self.run.datasets[place.table.dataset])

    def count(self, wanted: Measured) -> int:
        """Trials of the stratum that a number is of."""
        place = next(self._places(wanted), None)
        return 0 if place is None else place.table.n_trials

    def _places(self, wanted: Measured) -> Iterator[_Place]:
        """Where a system has such a number, in the sets of that role."""
        sets = [name for name, facts in self.run.datasets.items() if facts.role == wanted.role]
        for dataset in sets:
            table = self._tables.get((dataset, wanted.condition))
            entry = table.entry(self._shown(wanted.system)) if table else None
            if table is None or entry is None:
                continue
            for index, column in enumerate(table.columns):
                if column.facts.name == wanted.metric:
                    yield _Place(table, entry, index)

    @cached_property
    def _tables(self) -> dict[tuple[str, str], Table]:
        return {(table.dataset, table.condition): table for table in self.board.tables}

    def _shown(self, title: str) -> str:
        """A system as the board names it: with its run, where runs disagree on its values."""
        with_run = f"{title} ({self.run.title})"
        return with_run if with_run in self.board.systems else title

    def _is_best(self, place: _Place) -> bool:
        groups = self._groups[place.table.dataset, place.table.condition, place.index]
        return len(set(groups.values())) > 1 and groups.get(place.entry.system) == 1

    @cached_property
    def _groups(self) -> _Groups:
        return _Groups(self.board, self._tables, {self._shown(title) for title in self.run.systems})

    def _at_threshold(self, wanted: Measured, place: _Place, remarks: tuple[str, ...]) -> Value:
        """A score of decisions on classes at another threshold than the metric's own."""
        name, threshold = wanted.metric, wanted.threshold
        mean = math.nan
        rows = self.rows(wanted)
        if name in POOLINGS and threshold is not None and len(rows):
            swept = threshold_sweep(rows.assign(metric=name), thresholds=[threshold])
            mean = float(swept[name].iloc[0]) if len(swept) else math.nan
        return Value(mean=mean, unit=unit_of(place.column.facts), remarks=remarks)

    def _cost(self, wanted: Measured) -> Value | None:
        facts = self.run.systems.get(wanted.system)
        found = getattr(facts.cost, wanted.metric) if facts and facts.cost else None
        if found is None:
            return None
        size, unit = _COSTS[wanted.metric]
        return Value(mean=found / size, unit=unit)


def unit_of(facts: MetricFacts) -> str:
    """Unit of a metric; a range (0..1) is none."""
    return "" if ".." in facts.unit else facts.unit


def higher_is_better(metric: str) -> bool:
    """Direction of a metric that has one."""
    return metric_facts(metric).higher_is_better is not False
