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
    exchange_p_value,
    expanded_intervals,
    resampled_ratios,
    resampled_sums,
    sign_flip_p_values,
    stratum_generator,
)


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


def mean_differences(ok: pd.DataFrame, pairs: Sequence[tuple[str, str]], draws: Draws) -> list[Found]:
    """Differences of weighted means, all with the same draws."""
    totals, sizes, counts = _sums(ok, pairs)
    return summed_differences(totals, sizes, counts, draws)


def summed_differences(totals: FloatArray, sizes: FloatArray, counts: FloatArray, draws: Draws) -> list[Found]:
    """Differences of weighted means from their sums over clusters, all with the same draws.

    Args:
        totals: [K, P] weighted sums of the differences in each cluster, for each of P comparisons.
        sizes: [K, P] sums of the weights; 0 where a comparison has no trial in a cluster.
        counts: [P] trials.
        draws: of the test and of the intervals.
    """
    n_pairs = totals.shape[1]
    low, high, p_values = (np.full(n_pairs, np.nan) for _ in range(3))
    usable = np.asarray(np.isfinite(totals).all(axis=0) & (sizes > 0).any(axis=0), np.bool_)
    for which, clusters in _same_clusters(sizes, usable):
        own = totals[clusters][:, which], sizes[clusters][:, which]
        p_values[which] = sign_flip_p_values(own[0], rng=draws.generator("flips"), flips=draws.flips)
        drawn = resampled_ratios(*own, resamples=draws.resamples, rng=draws.generator("bootstrap"))
        low[which], high[which] = expanded_intervals(drawn, n_clusters=len(own[0]), level=draws.level)
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


def _sums(ok: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted sums of the differences and of the weights [clusters, pairs], and trials [pairs].

    A weight belongs to the trial (the words of its reference), so both systems have the same.
    """
    values = ok.pivot(index="trial_id", columns="system", values="value")
    facts = ok.drop_duplicates("trial_id").set_index("trial_id").loc[values.index]
    names, codes = np.unique(facts["cluster"].to_numpy(dtype=np.str_), return_inverse=True)
    weights = facts["weight"].to_numpy(np.float64)
    columns = {str(name): values[name].to_numpy(np.float64) for name in values.columns}
    nothing = np.full(len(values), np.nan)
    totals, sizes = (np.zeros((len(names), len(pairs))) for _ in range(2))
    counts = np.zeros(len(pairs))
    for i, (system, baseline) in enumerate(pairs):
        left, right = columns.get(system, nothing), columns.get(baseline, nothing)
        both = ~np.isnan(left) & ~np.isnan(right)
        with np.errstate(invalid="ignore"):  # two infinite values have no difference
            differences = (left[both] - right[both]) * weights[both]
        totals[:, i] = np.bincount(codes[both], weights=differences, minlength=len(names))
        sizes[:, i] = np.bincount(codes[both], weights=weights[both], minlength=len(names))
        counts[i] = np.count_nonzero(both)
    return totals, sizes, counts


def _same_clusters(
    sizes: FloatArray, usable: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Masks of the pairs that share a set of clusters, and of that set; mostly there is but one."""
    present = sizes > 0
    if not usable.any():
        return
    for clusters in np.unique(present[:, usable], axis=1).T:
        yield usable & (present == clusters[:, None]).all(axis=0), clusters
