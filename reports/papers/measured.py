"""Numbers of one run for the tables of papers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from ...bench.metrics.protocol import MetricInfo
from ...bench.run.record import RunFacts
from ...bench.statistics.aggregate import with_condition_labels
from ...bench.statistics.class_thresholds import threshold_sweep
from ...bench.statistics.pooling import CLASS_SCORES
from ...bench.text_columns import uncoded
from ..leaderboard.board import Entry, Leaderboard, Table
from ..leaderboard.metric_facts import metric_facts
from ..leaderboard.ranking import tie_groups
from ..leaderboard.wording import flags
from .paper_table import Measured

_COSTS = {"params": (1e6, "M"), "macs_per_s": (1e9, "G/s")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One of our numbers.

    Attributes:
        unit: dB, %, M, ...; "" for a range such as 0..1.
        remarks: caveats on the mean, such as failed trials.
        best: the best of its run and stratum, or not significantly different from it.
    """

    mean: float
    unit: str
    ci_low: float = math.nan
    ci_high: float = math.nan
    remarks: tuple[str, ...] = ()
    best: bool = False
    signature: str = ""


class _Place(NamedTuple):
    """A cell of a leaderboard: the column's position in the table."""

    table: Table
    entry: Entry
    position: int


@dataclass(frozen=True)
class RunResults:
    """Numbers of one run of a leaderboard, which may hold several."""

    board: Leaderboard
    run: RunFacts

    def value(self, wanted: Measured) -> Value | None:
        """A number; None if the run does not have it."""
        if wanted.metric in _COSTS:
            return self._cost(wanted)
        place = self._place(wanted)
        cell = None if place is None else place.entry.cells[place.position]
        if place is None or cell is None or not cell.applies:
            return None
        table, entry, column = place.table, place.entry, place.table.columns[place.position]
        missing = f"{entry.n_missing} of {table.n_trials} trials missing" if entry.n_missing else ""
        remarks = (*flags(cell, table.n_trials), *filter(None, (missing, entry.warning)))
        value = Value(mean=cell.mean, unit=unit_of(column.facts), remarks=remarks)
        if wanted.threshold is not None:
            return replace(value, mean=self._at_threshold(wanted, wanted.threshold))
        return replace(
            value, ci_low=cell.ci_low, ci_high=cell.ci_high, best=self._is_best(place), signature=column.signature
        )

    def rows(self, wanted: Measured) -> pd.DataFrame:
        """The score rows behind a number, none if the run does not have it."""
        every, place = self.board.score_rows, self._place(wanted)
        if place is None or every.empty:
            return every.iloc[:0]
        own = every[
            (every["dataset"] == place.table.dataset)
            & (every["system"] == place.entry.system)
            & (every["metric"] == place.table.columns[place.position].key)
            & (with_condition_labels(every)["condition"] == wanted.condition)
        ]
        return uncoded(own)

    def facts(self, metric: str) -> MetricInfo:
        """Facts of a metric, as the run stored them."""
        return metric_facts(metric, [self.run])

    def table(self, wanted: Measured) -> Table | None:
        """The table of the leaderboard that has a number."""
        place = self._place(wanted)
        return None if place is None else place.table

    def _place(self, wanted: Measured) -> _Place | None:
        """The first cell of such a system and metric in the sets of that role."""
        for dataset in (name for name, facts in self.run.datasets.items() if facts.role == wanted.role):
            table = self._tables.get((dataset, wanted.condition))
            entry = table.entry(self._shown(wanted.system)) if table else None
            for index, column in enumerate(table.columns if table and entry else ()):
                if table and entry and column.facts.name == wanted.metric:
                    return _Place(table, entry, index)
        return None

    @cached_property
    def _tables(self) -> dict[tuple[str, str], Table]:
        return {(table.dataset, table.condition): table for table in self.board.tables}

    def _shown(self, title: str) -> str:
        """Name of a system on the board: with its run, where runs disagree on its values."""
        with_run = f"{title} ({self.run.title})"
        return with_run if with_run in self.board.systems else title

    def _is_best(self, place: _Place) -> bool:
        """Whether a system is in the best group of its column among the systems of this run."""
        key = place.table.dataset, place.table.condition, place.position
        if key not in self._groups:
            own = {self._shown(title) for title in self.run.systems}
            table, entries = place.table, tuple(e for e in place.table.entries if e.system in own)
            if len(entries) < len(table.entries):
                table = replace(table, entries=entries, primary_key=None)
            self._groups[key] = tie_groups(self.board, table, place.position)
        groups = self._groups[key]
        return len(set(groups.values())) > 1 and groups.get(place.entry.system) == 1

    @cached_property
    def _groups(self) -> dict[tuple[str, str, int], Mapping[str, int]]:
        return {}

    def _at_threshold(self, wanted: Measured, threshold: float) -> float:
        """A score of decisions on classes at another threshold than the metric's own; NaN without rows."""
        rows = self.rows(wanted)
        if wanted.metric not in CLASS_SCORES or rows.empty:
            return math.nan
        swept = threshold_sweep(rows.assign(metric=wanted.metric), thresholds=[threshold])
        return float(swept[wanted.metric].iloc[0]) if len(swept) else math.nan

    def _cost(self, wanted: Measured) -> Value | None:
        facts = self.run.systems.get(wanted.system)
        found = getattr(facts.cost, wanted.metric) if facts and facts.cost else None
        size, unit = _COSTS[wanted.metric]
        return None if found is None else Value(mean=found / size, unit=unit)


def unit_of(facts: MetricInfo) -> str:
    """Unit of a metric; a range (0..1) is none."""
    return "" if ".." in facts.unit else facts.unit
