"""Choose the trials that get pages of their own: the worst and best of each system, or those named."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from ...core.errors import ConfigError
from ..leaderboard.board import Entry, Leaderboard, Table
from ..leaderboard.columns import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """A trial and the value that a system has for it."""

    dataset: str
    trial_id: str
    value: float


class ValuedTrials:
    """Trials of one dataset in the order of `values`. Of thousands only the ends are used: each is made on demand."""

    def __init__(self, dataset: str, values: pd.Series) -> None:
        self._dataset = dataset
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> Valued:
        trial_id, value = str(self._values.index[index]), float(self._values.iloc[index])
        return Valued(dataset=self._dataset, trial_id=trial_id, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """The worst and the best trials of a system in one table, the most extreme first."""

    table: Table
    column: Column
    worst: tuple[Valued, ...]
    best: tuple[Valued, ...]


class TrialOrder:
    """Trials by value of a metric, by default the one that sorts each table; none for a board without rows."""

    def __init__(self, board: Leaderboard, *, metric: str | None = None) -> None:
        self._board = board
        self._metric = metric

    def worst_first(self, table: Table, system: str | None) -> ValuedTrials:
        """Trials of a system, the worst first.

        A trial without a value is left out here; the failures list it.
        """
        column = self._column(table)
        values = self._values.get((table.dataset, table.condition))
        if column is None or values is None or system not in values:
            return ValuedTrials(table.dataset, pd.Series(dtype=float))
        ordered = values[system].dropna().sort_index()
        ordered = ordered.sort_values(ascending=column.facts.higher_is_better is not False, kind="stable")
        return ValuedTrials(table.dataset, ordered)

    def extremes(self, system: str, count: int) -> tuple[Extremes, ...]:
        """Up to `count` worst and best trials of a system in each table; none is in both lists."""
        found = []
        for table in self._board.tables:
            column, ordered = self._column(table), self.worst_first(table, system)
            n = len(ordered)
            if column is not None and n:
                half = min(count, (n + 1) // 2)
                worst = tuple(ordered[place] for place in range(half))
                best = tuple(ordered[place] for place in reversed(range(max(half, n - count), n)))
                found.append(Extremes(table=table, column=column, worst=worst, best=best))
        return tuple(found)

    def most_extreme(self) -> Iterator[Valued]:
        """Trials by how extreme they are.

        Each system of each table in turn gives its worst, its best, its second worst trial, and so on: leaders first,
        then other contenders, then baselines and oracles.
        """
        queues: dict[int, list[Iterator[Valued]]] = {}
        for table in self._board.tables:
            for entry in table.entries:
                queue = _ends_first(self.worst_first(table, entry.system))
                queues.setdefault(_priority(entry, table), []).append(queue)
        for priority in sorted(queues):
            turns = itertools.zip_longest(*queues[priority])
            yield from (found for turn in turns for found in turn if found is not None)

    @cached_property
    def _values(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Values of the metric [trials, systems] by dataset and stratum."""
        rows = self._board.rows
        found: dict[tuple[str, str], pd.DataFrame] = {}
        for table in () if rows.empty else self._board.tables:
            column = self._column(table)
            if column is not None:
                own = rows[
                    (rows["dataset"] == table.dataset)
                    & (rows["condition"] == table.condition)
                    & (rows["metric"] == column.key)
                    & (rows["status"] == "ok")
                ]
                values = own.pivot(index="trial_id", columns="system", values="value")
                found[table.dataset, table.condition] = values
        return found

    def _column(self, table: Table) -> Column | None:
        if self._metric is None:
            return primary_column(table)
        return next((column for column in table.columns if column.key == self._metric), None)


def choose(
    board: Leaderboard, order: TrialOrder, *, count: int, wanted: Sequence[str] = ()
) -> tuple[tuple[str, str], ...]:
    """The trials that get a page, by dataset and id: those wanted, then up to `count` of the most extreme ones."""
    chosen = dict.fromkeys(wanted_trials(board, wanted))
    limit = len(chosen) + count
    for found in order.most_extreme():
        if len(chosen) >= limit:
            break
        chosen.setdefault((found.dataset, found.trial_id))
    return tuple(chosen)


def wanted_trials(board: Leaderboard, wanted: Sequence[str]) -> list[tuple[str, str]]:
    """Dataset and id of the trials that are named.

    Raises:
        ConfigError: the board has no trial of that id.
    """
    if not wanted:
        return []
    pairs = board.rows[["dataset", "trial_id"]].drop_duplicates()
    found = []
    for name in wanted:
        own = pairs[pairs["trial_id"] == name]
        if own.empty:
            known = [str(trial) for trial in pairs["trial_id"].unique()]
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise ConfigError(
                f"there is no trial {name!r} among the {len(known)} of the run; the nearest id is {near[0]!r}"
            )
        found += [(str(dataset), name) for dataset in own["dataset"]]
    return found


def primary_column(table: Table) -> Column | None:
    """The column that sorts a table, or None."""
    return None if table.primary is None else table.columns[table.primary]


def _priority(entry: Entry, table: Table) -> int:
    if entry.system == table.leader:
        return 0
    return 1 if entry.facts.competes else 2


def _ends_first(ordered: ValuedTrials) -> Iterator[Valued]:
    """Worst, best, second worst, second best, ..."""
    for place in range(len(ordered)):
        yield ordered[-1 - place // 2 if place % 2 else place // 2]
