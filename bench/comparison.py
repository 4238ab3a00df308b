"""Paired comparison of systems: difference, interval, p-value, correction, and tie groups.

`resampling` has the test and the interval, and why these. All comparisons that are shown together
are corrected together, and ranks are groups of systems that do not differ significantly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.seeding import generator
from ..errors import ConfigError
from .pooling import MEAN, Pooling, pooling_of
from .resampling import (
    FLIPS,
    FloatArray,
    cluster_sums,
    exchange_p_value,
    expanded_intervals,
    resampled_ratios,
    resampled_sums,
    sign_flip_p_values,
)
from .statistics import check_arguments, with_condition_labels

ALPHA = 0.05  # a difference is significant if its adjusted p-value is smaller


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """value(system) − value(baseline) over the trials where both have a value.

    Attributes:
        n: trials that both systems have; missing, failed and undefined ones are left out.
        n_clusters: clusters (mixtures) that these trials belong to.
        mean: in the metric's unit, of values or of pooled ones; NaN if n is 0.
        ci_low: lower end of the interval; NaN with fewer than two clusters or an infinite value.
        p_value: two-sided; 1 for a single cluster or no difference at all, NaN without a finite
            difference.
        p_adjusted: `p_value` corrected for the comparisons that were made together.
    """

    system: str
    baseline: str
    dataset: str
    condition: str
    metric: str
    n: int
    n_clusters: int
    mean: float
    ci_low: float
    ci_high: float
    p_value: float
    p_adjusted: float

    @property
    def significant(self) -> bool:
        """The adjusted p-value is below `ALPHA`; False if there is none."""
        return self.p_adjusted < ALPHA


def paired_difference(
    rows: pd.DataFrame,
    *,
    system: str,
    baseline: str,
    dataset: str,
    condition: str,
    metric: str,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """Compare one system with another on the same trials: a family of one comparison.

    Args:
        rows: as `read_rows` gives them.
        system: whose values count positively.
        baseline: whose values are subtracted.
        dataset: name of the dataset.
        condition: label of the stratum, for example "PMQ 1:3".
        metric: name of the metric.
        level: coverage of the interval, in (0, 1).
        resamples: number of bootstrap draws.
        seed: another seed, another interval and, with many clusters, another p-value.

    Raises:
        ConfigError: an argument or a column is wrong, or a system has two values for a trial.
    """
    (difference,) = compare_pairs(
        rows,
        pairs=[(system, baseline)],
        dataset=dataset,
        condition=condition,
        metric=metric,
        level=level,
        resamples=resamples,
        seed=seed,
    )
    return difference


def compare_pairs(
    rows: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str]],
    dataset: str,
    condition: str,
    metric: str,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Difference]:
    """Compare several (system, baseline) pairs, all with the same draws, corrected together.

    The draws depend on (seed, dataset, stratum, metric) and the number of clusters alone. Floored
    values count as they stand: two systems that are both floored on a trial differ by 0 there.

    Args:
        rows: as `read_rows` gives them.
        pairs: the family of comparisons, which `holm` corrects for.
        dataset: name of the dataset.
        condition: label of the stratum.
        metric: name of the metric.
        level: coverage of the intervals, in (0, 1).
        resamples: number of bootstrap draws.
        seed: another seed, other draws.

    Raises:
        ConfigError: an argument or a column is wrong, or a system has two values for a trial.
    """
    check_arguments(rows, level=level, resamples=resamples)
    ok = _scored(rows, dataset, condition, metric)
    base = str(ok["base_metric"].iloc[0]) if "base_metric" in ok and len(ok) else metric
    pooling = pooling_of(base)
    draws = _Draws((seed, dataset, condition, metric), level, resamples, len(pairs))
    compared = (
        _mean_differences(ok, pairs, draws)
        if pooling is MEAN
        else [_pooled_difference(ok, pair, pooling, draws) for pair in pairs]
    )
    adjusted = holm([found.p_value for found in compared])
    return [
        Difference(
            system=system,
            baseline=baseline,
            dataset=dataset,
            condition=condition,
            metric=metric,
            n=found.n,
            n_clusters=found.n_clusters,
            mean=found.value,
            ci_low=found.ci_low,
            ci_high=found.ci_high,
            p_value=found.p_value,
            p_adjusted=float(p_adjusted),
        )
        for (system, baseline), found, p_adjusted in zip(pairs, compared, adjusted, strict=True)
    ]


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """Adjusted p-values: below α, they keep the family-wise error below α (Holm 1979).

    The i-th smallest of m is max over j <= i of (m − j + 1) p_j, at most 1. NaN (a comparison that
    could not be made) stays NaN and does not count in m.

    Args:
        p_values: [m], in any order.

    Returns:
        [m], in the same order.
    """
    given = np.asarray(p_values, np.float64)
    adjusted = np.full_like(given, np.nan)
    order = np.argsort(given, kind="stable")[: np.count_nonzero(~np.isnan(given))]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * given[order]))
    return adjusted


def rank_groups(systems: Sequence[str], differences: Sequence[Difference]) -> tuple[int, ...]:
    """Ranks with ties: 1, 1, 3 if the first two cannot be told apart.

    From the best on, a system joins the group above it unless it differs significantly from one
    of its members; then it opens the next group, whose rank is its own place. So systems of one
    rank do not differ significantly. Which system is best is itself read from the data: hand in
    all pairs, corrected together, or groups will split too often.

    Args:
        systems: the best first.
        differences: of all pairs of them, either way round; others are not looked at.

    Returns:
        The rank of each system, in the order given.
    """
    apart = {frozenset((d.system, d.baseline)) for d in differences if d.significant}
    ranks: list[int] = []
    start = 0
    for place, system in enumerate(systems):
        if any(frozenset((system, member)) in apart for member in systems[start:place]):
            start = place
        ranks.append(start + 1)
    return tuple(ranks)


@dataclass(frozen=True, slots=True)
class _Draws:
    """Where the draws of a family of comparisons come from, and how many there are."""

    names: tuple[str | int, ...]
    level: float
    resamples: int
    n_pairs: int

    @property
    def flips(self) -> int:
        """Many comparisons need small p-values, and the smallest is 1 / (1 + flips)."""
        return max(FLIPS, math.ceil(4 * self.n_pairs / ALPHA))

    def generator(self, purpose: str) -> np.random.Generator:
        return generator(purpose, *self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a comparison came to, before it is corrected for the others."""

    n: int
    n_clusters: int
    value: float
    ci_low: float
    ci_high: float
    p_value: float


def _scored(rows: pd.DataFrame, dataset: str, condition: str, metric: str) -> pd.DataFrame:
    """Rows with a value of one stratum."""
    ok = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric) & (rows["status"] == "ok")]
    ok = with_condition_labels(ok)
    ok = ok[ok["condition"] == condition]
    twice = ok[ok.duplicated(["system", "trial_id"])]
    if len(twice):
        system, trial = twice.iloc[0][["system", "trial_id"]]
        raise ConfigError(
            f"system {system!r} has several values of {metric!r} for trial {trial!r}; "
            "compare the rows of one run, or give each run's system a name of its own"
        )
    return ok


def _mean_differences(
    ok: pd.DataFrame, pairs: Sequence[tuple[str, str]], draws: _Draws
) -> list[_Found]:
    """Differences of weighted means, all with the same draws."""
    totals, sizes, counts = _sums(ok, pairs)
    low, high, p_values = (np.full(len(pairs), np.nan) for _ in range(3))
    usable = np.asarray(np.isfinite(totals).all(axis=0) & (sizes > 0).any(axis=0), np.bool_)
    for which, clusters in _same_clusters(sizes, usable):
        own = totals[clusters][:, which], sizes[clusters][:, which]
        p_values[which] = sign_flip_p_values(
            own[0], rng=draws.generator("flips"), flips=draws.flips
        )
        drawn = resampled_ratios(*own, resamples=draws.resamples, rng=draws.generator("bootstrap"))
        low[which], high[which] = expanded_intervals(
            drawn, n_clusters=len(own[0]), level=draws.level
        )
    with np.errstate(invalid="ignore"):  # 0/0: the mean of nothing is NaN
        # Contiguous: a sum down a column rounds otherwise with another number of columns.
        means = np.ascontiguousarray(totals.T).sum(axis=1) / sizes.sum(axis=0)
    return [
        _Found(
            n=int(counts[i]),
            n_clusters=int(np.count_nonzero(sizes[:, i])),
            value=float(means[i]),
            ci_low=float(low[i]),
            ci_high=float(high[i]),
            p_value=float(p_values[i]),
        )
        for i in range(len(pairs))
    ]


def _pooled_difference(
    ok: pd.DataFrame, pair: tuple[str, str], pooling: Pooling, draws: _Draws
) -> _Found:
    """Difference of values that are no means, such as F1 scores."""
    both = [ok[ok["system"] == name].set_index("trial_id").sort_index() for name in pair]
    common = both[0].index.intersection(both[1].index)
    ours, theirs = (rows.loc[common] for rows in both)
    clusters, codes = np.unique(ours["cluster"].to_numpy(dtype=np.str_), return_inverse=True)
    if not len(clusters):
        return _Found(
            n=0, n_clusters=0, value=np.nan, ci_low=np.nan, ci_high=np.nan, p_value=np.nan
        )
    names = pooling.names(pd.concat([ours, theirs]))
    sums = [
        cluster_sums(pooling.summands(rows, names), codes, len(clusters)) for rows in (ours, theirs)
    ]
    drawn = resampled_sums(
        np.concatenate(sums, axis=1),
        resamples=draws.resamples,
        rng=draws.generator("bootstrap"),
    )
    first, second = (pooling.value(part) for part in np.split(drawn, 2, axis=1))
    low, high = expanded_intervals(
        (first - second)[:, None], n_clusters=len(clusters), level=draws.level
    )
    value = pooling.value(sums[0].sum(axis=0)) - pooling.value(sums[1].sum(axis=0))
    rng = draws.generator("flips")
    p_value = exchange_p_value(sums[0], sums[1], pooling.value, rng=rng, flips=draws.flips)
    return _Found(
        n=len(common),
        n_clusters=len(clusters),
        value=float(value),
        ci_low=float(low[0]),
        ci_high=float(high[0]),
        p_value=p_value,
    )


def _sums(
    ok: pd.DataFrame, pairs: Sequence[tuple[str, str]]
) -> tuple[FloatArray, FloatArray, FloatArray]:
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
