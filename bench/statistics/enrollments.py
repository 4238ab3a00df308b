"""Spread of scores over several enrollments of the same target, apart from the spread over mixtures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .resampling import FloatArray, cluster_sums, expanded_intervals, resampled_sums, stratum_generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """A value with the ends of its interval; NaN ends with fewer than two clusters."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentSpread:
    """Scores of one system for K enrollments of each trial.

    Attributes:
        n: trials with a value for every enrollment; others do not count.
        n_enrollments: K.
        mean: over trials and enrollments.
        worst: mean over trials of the worst of the K values.
        best: mean over trials of the best of them.
        within_sd: mean over trials of the standard deviation of the K values (K − 1 in the denominator): what another
            enrollment changes.
        between_sd: standard deviation over trials of their means over the K enrollments: what another mixture changes.
    """

    n: int
    n_enrollments: int
    mean: Estimated
    worst: Estimated
    best: Estimated
    within_sd: Estimated
    between_sd: Estimated


def enrollment_spread(
    values: pd.DataFrame,
    clusters: pd.Series,
    *,
    higher_is_better: bool,
    names: tuple[str | int, ...],
    level: float = 0.95,
    resamples: int = 1000,
) -> EnrollmentSpread | None:
    """The spread of a table of scores; None if no trial has all of them, or there is only one enrollment.

    Intervals draw whole clusters with replacement (expanded percentile bootstrap, see `resampling`); with an infinite
    value there is none.

    Args:
        values: one line for each trial, one column for each enrollment; NaN where there is no value.
        clusters: of the trials, with the same index; mixtures.
        higher_is_better: direction of the metric, for the worst and the best.
        names: seed of the draws: seed, dataset, stratum, metric.
        level: coverage of the intervals.
        resamples: number of draws.
    """
    whole = values.dropna()
    if not len(whole) or whole.shape[1] < 2:
        return None
    scores = whole.to_numpy(np.float64)
    codes, found = pd.factorize(clusters.loc[whole.index], sort=True)
    finite = bool(np.isfinite(scores).all())
    # The mean centres the squares, so that none of a large number is taken from another.
    middle = float(scores.mean(axis=1).mean()) if finite else 0.0
    with np.errstate(invalid="ignore"):  # infinite scores have a mean, but no spread
        summands = _summands(scores, middle, higher_is_better=higher_is_better)
        sums = cluster_sums(summands, codes.astype(np.int64), len(found))
        point = _values(sums.sum(axis=0)[None])[0]
    ends = np.full((2, len(point)), np.nan)
    if finite:
        drawn = resampled_sums(sums, resamples=resamples, rng=stratum_generator("enrollments", names))
        ends = expanded_intervals(_values(drawn), n_clusters=len(found), level=level)
    point[0], ends[:, 0] = point[0] + middle, ends[:, 0] + middle
    mean, worst_of, best_of, within_sd, between_sd = (
        Estimated(value=float(v), low=float(a), high=float(b)) for v, a, b in zip(point, *ends, strict=True)
    )
    return EnrollmentSpread(
        n=len(scores),
        n_enrollments=scores.shape[1],
        mean=mean,
        worst=worst_of,
        best=best_of,
        within_sd=within_sd,
        between_sd=between_sd,
    )


def _summands(scores: FloatArray, middle: float, *, higher_is_better: bool) -> FloatArray:
    """Of trials [N, K]: one, mean without `middle`, its square, worst, best and spread within: [N, 6]."""
    low, high = scores.min(axis=1), scores.max(axis=1)
    worst, best = (low, high) if higher_is_better else (high, low)
    centred = scores.mean(axis=1) - middle
    within = scores.std(axis=1, ddof=1)
    return np.stack([np.ones(len(scores)), centred, centred**2, worst, best, within], axis=1)


def _values(sums: FloatArray) -> FloatArray:
    """Mean, worst, best, within and between of sums [R, 6]: [R, 5]."""
    n, total, squares, worst, best, within = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):  # of one trial there is no spread over trials
        between = np.sqrt(np.maximum(squares - total**2 / n, 0.0) / (n - 1.0))
        return np.stack([total / n, worst / n, best / n, within / n, between], axis=1)
