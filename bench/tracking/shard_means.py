"""Means of a run that goes on, from its shards as they appear: the run itself does nothing for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path

import pandas as pd

from ...core.errors import DatasetError
from ..metrics.protocol import MetricInfo
from ..rows import read_shard
from ..run.system_facts import SystemFacts
from ..run.trial_counts import TrialSets, trials_by_system
from ..statistics.aggregate import with_condition_labels
from .names import Cell

_RUNNING = ("mean", "weighted_mean")  # poolings that sums of shards are enough for


@dataclass(slots=True)
class _Shard:
    """Sums of one file: by cell, value times weight, and weight."""

    state: tuple[int, int]
    system: str
    trials: TrialSets
    sums: dict[Cell, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemMeans:
    """A system so far: trials with rows, those without any value, and means by cell."""

    trials: int
    failed: int
    means: Mapping[Cell, float]


class ShardMeans:
    """Reads each shard of a run folder once; metrics pooled over whole sets of decisions wait for the end."""

    def __init__(
        self, folder: Path, *, run_id: str, metrics: Mapping[str, MetricInfo], systems: Mapping[str, SystemFacts]
    ) -> None:
        self._rows, self._run_id, self._facts, self._metrics = folder / "rows", run_id, systems, metrics
        self._pooling = {name: info.pooling for name, info in metrics.items()}
        self._shards: dict[Path, _Shard] = {}

    def update(self) -> None:
        """Read the shards that are new or that changed, and forget those that are gone."""
        found = dict(self._states())
        self._shards = {path: shard for path, shard in self._shards.items() if path in found}
        for path, state in found.items():
            known = self._shards.get(path)
            if (known is None or known.state != state) and (shard := self._read(path, state)) is not None:
                self._shards[path] = shard

    def systems(self) -> dict[str, SystemMeans]:
        """Means by system."""
        grouped: dict[str, list[_Shard]] = {}
        for shard in self._shards.values():
            grouped.setdefault(shard.system, []).append(shard)
        return {system: _together(shards) for system, shards in grouped.items()}

    def _states(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        for path in self._rows.glob("part-*.parquet"):
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue  # removed since
            yield path, (facts.st_mtime_ns, facts.st_size)

    def _read(self, path: Path, state: tuple[int, int]) -> _Shard | None:
        """Sums of a shard; None if it is of another state of the run, or gone."""
        try:
            rows = read_shard(path)
        except DatasetError:
            if path.is_file():
                raise
            return None
        if rows["run_id"].iloc[0] != self._run_id:
            return None
        ((system, trials),) = trials_by_system(rows, self._facts, self._metrics).items()
        shard = _Shard(state, system, trials)
        running = {name for name in rows["metric"].unique() if self._pooling.get(name, "mean") in _RUNNING}
        valued = with_condition_labels(rows[(rows["status"] == "ok") & rows["metric"].isin(running)])
        parts = pd.DataFrame({"sum": valued["value"] * valued["weight"], "weight": valued["weight"]})
        keys = [valued["dataset"], valued["condition"], valued["metric"]]
        for (dataset, condition, metric), part in parts.groupby(keys):
            shard.sums[str(dataset), str(condition), str(metric)] = (
                float(part["sum"].sum()),
                float(part["weight"].sum()),
            )
        return shard


def _together(shards: list[_Shard]) -> SystemMeans:
    sums: dict[Cell, tuple[float, float]] = {}
    for shard in shards:
        for cell, (total, weight) in shard.sums.items():
            before = sums.get(cell, (0.0, 0.0))
            sums[cell] = before[0] + total, before[1] + weight
    trials = reduce(or_, (shard.trials for shard in shards))  # a trial may have rows in several
    return SystemMeans(
        trials=len(trials.seen),
        failed=trials.failed,
        means={cell: total / weight for cell, (total, weight) in sums.items() if weight > 0},
    )
