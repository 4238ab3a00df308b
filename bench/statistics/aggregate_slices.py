"""Aggregates of many parts of the same rows at once, for slices.

`aggregate` of each part gives the same numbers; here the rows of a stratum are turned into arrays once, and each part
is a mask of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.prefetch import ahead
from ...core.processors import usable_processors
from ..text_columns import coded
from .aggregate import (
    FLOORED,
    INAPPLICABLE,
    TEXTS,
    Aggregate,
    ClusterSums,
    aggregate,
    check_arguments,
    intervals,
    own_columns,
    with_condition_labels,
)
from .pooling import MEAN, pooling_of
from .samples import SAMPLES, seed_spread

Mask = NDArray[np.bool_]
_THREADS = min(4, usable_processors())  # that look at parts


def aggregate_parts(
    rows: pd.DataFrame, masks: Sequence[Mask], *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> list[list[Aggregate]]:
    """The aggregates of each part of some rows; see `statistics.aggregate`.

    Args:
        rows: as `samples.one_per_trial` gives them, N of them.
        masks: [N] each, the rows of a part; parts may overlap.
        level: coverage of the intervals, in (0, 1).
        resamples: number of bootstrap draws.
        seed: another seed, other intervals.

    Returns:
        For each part, its aggregates.

    Raises:
        ConfigError: `level`, `resamples` or a column is wrong.
    """
    check_arguments(rows, level=level, resamples=resamples)
    found: list[list[Aggregate]] = [[] for _ in masks]
    jobs = _jobs(coded(own_columns(rows), TEXTS), masks, level=level, resamples=resamples, seed=seed)
    # The next stratum is made ready while parts of the last one are looked at.
    for place, cells in zip(cycle(range(len(masks))), ahead(lambda job: job(), jobs, threads=_THREADS), strict=False):
        found[place].extend(cells)
    return found


def _jobs(
    rows: pd.DataFrame, masks: Sequence[Mask], *, level: float, resamples: int, seed: int
) -> Iterator[Callable[[], list[Aggregate]]]:
    """Functions that give the aggregates of each part, one stratum and metric after the other."""
    labelled = coded(with_condition_labels(rows), TEXTS).reset_index(drop=True)
    for key, group in labelled.groupby(["dataset", "condition", "metric"], observed=True):
        dataset, condition, metric = (str(part) for part in key)
        places = group.index.to_numpy()
        if pooling_of(group, metric) is MEAN:
            stratum = _Stratum(group, (dataset, condition, metric))
            for mask in masks:
                yield partial(stratum.cells, mask[places], level=level, resamples=resamples, seed=seed)
        else:
            columns = rows.iloc[places]
            for mask in masks:
                part = columns[mask[places]]
                # Sums for each of many classes: one part at a time, to bound the memory.
                cells = aggregate(part, level=level, resamples=resamples, seed=seed) if len(part) else []
                yield partial(list, cells)


class _Stratum:
    """The rows of one (dataset, stratum, metric) as arrays, sorted by system, trial and value.

    Args:
        group: its rows.
        key: dataset, label of the stratum, metric.
    """

    def __init__(self, group: pd.DataFrame, key: tuple[str, str, str]) -> None:
        self._key = key
        codes, names = pd.factorize(group["system"], sort=True)
        self._systems = [str(name) for name in names]
        self._order = _order(codes, group)
        group, self._system = group.iloc[self._order], codes[self._order]
        codes, clusters = pd.factorize(group["cluster"], sort=True)
        self._cluster, self._n_clusters = codes, len(clusters)
        self._ok = (group["status"] == "ok").to_numpy(np.bool_)
        self._failed = (group["status"] == "failed").to_numpy(np.bool_)
        undefined = (group["status"] == "undefined").to_numpy(np.bool_)
        self._inapplicable = undefined & group["reason"].isin(INAPPLICABLE).to_numpy(np.bool_)
        self._undefined = undefined & ~self._inapplicable
        self._floored = self._ok & group["reason"].str.contains(FLOORED).to_numpy(np.bool_)
        self._values = group["value"].to_numpy(np.float64)
        self._summands = MEAN.summands(group, ())
        self._rows = group if SAMPLES in group else None  # spreads of seeds need them

    def cells(self, given: Mask, *, level: float, resamples: int, seed: int) -> list[Aggregate]:
        """The aggregates of a part, a cell for each system that has rows in it."""
        mask = given[self._order]
        rows = self._count(mask)
        systems = [place for place, count in enumerate(rows) if count]
        sums = self._sums(mask & self._ok)
        own = [sums[place] for place in systems]
        ends = intervals(own, MEAN, (seed, *self._key), level=level, resamples=resamples)
        return list(self._cells(mask, systems, own, ends))

    def _cells(
        self, mask: Mask, systems: Sequence[int], sums: Sequence[ClusterSums], ends: Sequence[tuple[float, float]]
    ) -> Iterator[Aggregate]:
        dataset, condition, metric = self._key
        counts = {
            "n_undefined": self._count(mask & self._undefined),
            "n_inapplicable": self._count(mask & self._inapplicable),
            "n_failed": self._count(mask & self._failed),
            "n_floored": self._count(mask & self._floored),
        }
        ok = self._count(mask & self._ok)
        values = np.split(self._values[mask & self._ok], np.cumsum(ok)[:-1])
        for place, own, (low, high) in zip(systems, sums, ends, strict=True):
            some = values[place]
            n_samples, seed_sd = self._spread(mask, place)
            yield Aggregate(
                system=self._systems[place],
                dataset=dataset,
                condition=condition,
                metric=metric,
                n=int(ok[place]),
                mean=own.mean(MEAN),
                trial_mean=float(some.mean()) if len(some) else np.nan,
                median=float(np.median(some)) if len(some) else np.nan,
                ci_low=low,
                ci_high=high,
                n_samples=n_samples,
                seed_sd=seed_sd,
                **{name: int(count[place]) for name, count in counts.items()},
            )

    def _spread(self, mask: Mask, place: int) -> tuple[int, float]:
        """Number of samples of a system, and the spread of their means."""
        if self._rows is None:
            return 1, math.nan
        return seed_spread(self._rows[mask & self._ok & (self._system == place)], MEAN)

    def _count(self, mask: Mask) -> NDArray[np.int64]:
        """Rows of each system."""
        return np.bincount(self._system[mask], minlength=len(self._systems))

    def _sums(self, mask: Mask) -> list[ClusterSums]:
        """Sums over the clusters of each system that has any."""
        shape = len(self._systems), self._n_clusters
        cells = self._system[mask] * shape[1] + self._cluster[mask]
        present = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape) > 0
        sums = np.stack(
            [np.bincount(cells, weights=column[mask], minlength=shape[0] * shape[1]) for column in self._summands.T],
            axis=1,
        ).reshape(*shape, -1)
        return [ClusterSums(own[some]) for some, own in zip(present, sums, strict=True)]


def _order(systems: NDArray[np.int64], group: pd.DataFrame) -> NDArray[np.int64]:
    """Places [N] of the rows sorted by system, trial and value; mostly they are sorted, by one value to a trial."""
    trials, names = pd.factorize(group["trial_id"], sort=True)
    keys = systems * len(names) + trials
    order = np.argsort(keys, kind="stable")
    if (np.diff(keys[order]) == 0).any():
        order = np.lexsort((group["value"].to_numpy(np.float64), keys))
    return order
