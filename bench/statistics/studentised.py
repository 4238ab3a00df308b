"""The studentised bootstrap (bootstrap-t) of a mean over clusters.

Each draw gives the distance of its mean from the observed one in units of its own standard error, so that a skewed
distribution, whose small means come with small errors, widens the interval on the right side (Hall 1992, sec. 3.5;
Efron & Tibshirani 1993, ch. 12). `docs/benchmarks.md` has its coverage, and that of the percentile, expanded
percentile and BCa intervals: over 20 lognormal clusters 93 % at a nominal 95 %, and the percentile's 86 %.
"""

from __future__ import annotations

import numpy as np

from .resampling import FloatArray, expanded_intervals

INTERVAL_METHOD = "bootstrap_t|clusters|tsebench:2"
"""Name of the intervals of means; raised whenever an interval changes for the same rows."""

MIN_CLUSTERS = 10
"""With fewer, the standard errors of draws are too few and too rough to divide by."""

_FLAT = 1e-20  # of the sum of squares: residuals closer than this are equal but for rounding


def moments(sums: FloatArray) -> FloatArray:
    """Columns [K, 5] whose sums over a draw give its mean and its standard error.

    Args:
        sums: [K, 2] of each cluster: weighted values T and weights S.

    Returns:
        S, r, r², r S and S², where r = T − θ S is what a cluster departs from the mean θ = Σ T / Σ S.
    """
    totals, sizes = sums.T
    rest = totals - totals.sum() / sizes.sum() * sizes
    return np.stack([sizes, rest, rest**2, rest * sizes, sizes**2], axis=1)


def studentised_interval(sums: FloatArray, drawn: FloatArray, *, level: float) -> tuple[float, float]:
    """The interval of the mean θ = Σ T / Σ S.

    The standard error is that of a ratio, sqrt(Σ (T − θ S)²) / Σ S. Draws of equal clusters have none: where they are
    more than a quarter of what lies beyond the ends (rates with few errors), and with fewer than `MIN_CLUSTERS`
    clusters, the interval is the expanded percentile one.

    Args:
        sums: [K, 2] of each cluster.
        drawn: [R, 5] sums of `moments` over draws of K clusters.
        level: coverage, in (0, 1).
    """
    mean = float(sums[:, 0].sum() / sums[:, 1].sum())
    sizes, rest, squares, products, size_squares = drawn.T
    shifts = rest / sizes
    spread = squares - 2.0 * shifts * products + shifts**2 * size_squares
    usable = spread > _FLAT * float(np.square(moments(sums)[:, 1]).sum())
    if len(sums) < MIN_CLUSTERS or np.mean(~usable) > (1.0 - level) / 8.0:
        low, high = expanded_intervals((mean + shifts)[:, None], n_clusters=len(sums), level=level)[:, 0]
        return float(low), float(high)
    distances = rest[usable] / np.sqrt(spread[usable])
    error = float(np.sqrt(np.square(moments(sums)[:, 1]).sum()) / sums[:, 1].sum())
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(distances, [tail, 1.0 - tail])
    return mean - float(high) * error, mean - float(low) * error
