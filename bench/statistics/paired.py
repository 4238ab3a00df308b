"""Differences of two systems on the trials of both: value, interval and p-value of each pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .pooling import Pooling
from .resampling import (
    FloatArray,
    cluster_sums,
    expanded_intervals,
    resampled_ratios,
    resampled_sums,
    stratum_generator,
)
from .sign_flips import exchange_p_value, sign_flip_p_values

_TOGETHER = 2048  # comparisons whose sums over clusters are held in memory at once


@dataclass(frozen=True, slots=True)
class Draws:
    """Seed names and numbers of the draws of a family of comparisons."""

    names: tuple[str | int, ...]
    level: float
    resamples: int
    flips: int

    def generator(self, purpose: str) -> np.random.Generator:
        """The same for all pairs of the family."""
        return stratum_generator(purpose, self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Result of one comparison before multiple-testing correction."""

    n: int
    n_clusters: int
    value: float
    ci_low: float
    ci_high: float
    p_value: float


def mean_differences(
    ok: pd.DataFrame, pairs: Sequence[tuple[str, str]], draws: Draws, *, bounded: NDArray[np.bool_] | None = None
) -> list[Found]:
    """Differences of weighted means, all with the same draws.

    Args:
        ok: rows of one stratum and metric with a value.
        pairs: P pairs of systems.
        draws: of the test and of the intervals.
        bounded: [P], pairs whose intervals are computed; all by default.
    """
    sums = _PairSums(ok)
    found: list[Found] = []
    for first in range(0, len(pairs), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        own = None if bounded is None else bounded[part]
        found += summed_differences(*sums.of(pairs[part]), draws, bounded=own)
    return found


def summed_differences(
    totals: FloatArray, sizes: FloatArray, counts: FloatArray, draws: Draws, *, bounded: NDArray[np.bool_] | None = None
) -> list[Found]:
    """Differences of weighted means from their sums over clusters, all with the same draws.

    Args:
        totals: [K, P] weighted sums of the differences in each cluster, for each of P comparisons.
        sizes: [K, P] sums of the weights; 0 where a comparison has no trial in a cluster.
        counts: [P] trials.
        draws: of the test and of the intervals.
        bounded: [P], comparisons whose intervals are computed; all by default.
    """
    n_pairs = totals.shape[1]
    low, high, p_values = (np.full(n_pairs, np.nan) for _ in range(3))
    usable = np.asarray(np.isfinite(totals).all(axis=0) & (sizes > 0).any(axis=0), np.bool_)
    for which, clusters in _same_clusters(sizes, usable):
        own = totals[np.ix_(clusters, which)]
        p_values[which] = sign_flip_p_values(own, rng=draws.generator("flips"), flips=draws.flips)
        wanted = np.ones(len(which), np.bool_) if bounded is None else bounded[which]
        some = own[:, wanted], sizes[np.ix_(clusters, which[wanted])]
        low[which[wanted]], high[which[wanted]] = _intervals(*some, draws)
    with np.errstate(invalid="ignore"):  # 0/0: the mean of nothing is NaN
        # Contiguous: a sum down a column rounds otherwise with another number of columns.
        means = np.ascontiguousarray(totals.T).sum(axis=1) / sizes.sum(axis=0)
    return [
        Found(
            n=int(counts[i]),
            n_clusters=int(np.count_nonzero(sizes[:, i])),
            value=float(means[i]),
            ci_low=float(low[i]),
            ci_high=float(high[i]),
            p_value=float(p_values[i]),
        )
        for i in range(n_pairs)
    ]


def _intervals(totals: FloatArray, sizes: FloatArray, draws: Draws) -> FloatArray:
    """Ends [2, P] of the intervals of comparisons [K, P] over the same clusters; NaN for a single cluster."""
    ends = np.full((2, totals.shape[1]), 0.0 if len(totals) > 1 else np.nan)
    other = totals.any(axis=0)  # all draws of zeros are 0
    if other.any():
        own = totals[:, other], sizes[:, other]
        drawn = resampled_ratios(*own, resamples=draws.resamples, rng=draws.generator("bootstrap"))
        ends[:, other] = expanded_intervals(drawn, n_clusters=len(totals), level=draws.level)
    return ends


def pooled_difference(ok: pd.DataFrame, pair: tuple[str, str], pooling: Pooling, draws: Draws) -> Found:
    """Difference of values that are no means, such as F1 scores."""
    both = [ok[ok["system"] == name].set_index("trial_id").sort_index() for name in pair]
    common = both[0].index.intersection(both[1].index)
    ours, theirs = (rows.loc[common] for rows in both)
    clusters, codes = np.unique(ours["cluster"].to_numpy(dtype=np.str_), return_inverse=True)
    if not len(clusters):
        return Found(n=0, n_clusters=0, value=np.nan, ci_low=np.nan, ci_high=np.nan, p_value=np.nan)
    names = pooling.names(pd.concat([ours, theirs]))
    sums = [cluster_sums(pooling.summands(rows, names), codes, len(clusters)) for rows in (ours, theirs)]
    drawn = resampled_sums(np.concatenate(sums, axis=1), resamples=draws.resamples, rng=draws.generator("bootstrap"))
    first, second = (pooling.value(part) for part in np.split(drawn, 2, axis=1))
    low, high = expanded_intervals((first - second)[:, None], n_clusters=len(clusters), level=draws.level)
    value = pooling.value(sums[0].sum(axis=0)) - pooling.value(sums[1].sum(axis=0))
    rng = draws.generator("flips")
    p_value = exchange_p_value(sums[0], sums[1], pooling.value, rng=rng, flips=draws.flips)
    return Found(
        n=len(common),
        n_clusters=len(clusters),
        value=float(value),
        ci_low=float(low[0]),
        ci_high=float(high[0]),
        p_value=p_value,
    )


class _PairSums:
    """Sums over clusters of the differences of pairs of systems, from the rows of one stratum and metric.

    A weight belongs to the trial (the words of its reference), so both systems have the same.
    """

    def __init__(self, ok: pd.DataFrame) -> None:
        values = ok.pivot(index="trial_id", columns="system", values="value")
        facts = ok.drop_duplicates("trial_id").set_index("trial_id").loc[values.index]
        names, self._codes = np.unique(facts["cluster"].to_numpy(dtype=np.str_), return_inverse=True)
        self._n_clusters = len(names)
        self._weights = facts["weight"].to_numpy(np.float64)
        self._columns = {str(name): values[name].to_numpy(np.float64) for name in values.columns}
        self._nothing = np.full(len(values), np.nan)
        self._sizes: dict[bytes, FloatArray] = {}

    def of(self, pairs: Sequence[tuple[str, str]]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weighted sums of the differences and of the weights [clusters, pairs], and trials [pairs]."""
        totals, sizes = (np.zeros((len(pairs), self._n_clusters)) for _ in range(2))
        counts = np.zeros(len(pairs))
        for i, names in enumerate(pairs):
            left, right = (self._columns.get(name, self._nothing) for name in names)
            both = ~np.isnan(left) & ~np.isnan(right)
            own = slice(None) if both.all() else both  # mostly all, which need no copies
            with np.errstate(invalid="ignore"):  # two infinite values have no difference
                differences = (left[own] - right[own]) * self._weights[own]
            totals[i] = np.bincount(self._codes[own], weights=differences, minlength=self._n_clusters)
            sizes[i] = self._sizes_of(both)
            counts[i] = np.count_nonzero(both)
        return totals.T, sizes.T, counts

    def _sizes_of(self, both: NDArray[np.bool_]) -> FloatArray:
        """Sums of the weights of some trials; most pairs have the same."""
        key = both.tobytes()
        if key not in self._sizes:
            weights = self._weights[both]
            sizes = np.bincount(self._codes[both], weights=weights, minlength=self._n_clusters)
            self._sizes[key] = np.asarray(sizes, np.float64)
        return self._sizes[key]


def _same_clusters(
    sizes: FloatArray, usable: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Places of the pairs that share a set of clusters, and of these clusters; mostly there is but one set."""
    found: dict[bytes, list[int]] = {}
    packed = np.packbits(sizes.T > 0, axis=1)
    for place in np.flatnonzero(usable):
        found.setdefault(packed[place].tobytes(), []).append(int(place))
    for places in found.values():
        yield np.array(places, np.int64), np.flatnonzero(sizes[:, places[0]] > 0)
