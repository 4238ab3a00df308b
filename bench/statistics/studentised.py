"""The studentised bootstrap (bootstrap-t) of a mean over clusters.

Each draw gives the distance of its mean from the observed one in units of its own standard error, so that a skewed
distribution, whose small means come with small errors, widens the interval on the right side (Hall 1992, sec. 3.5;
Efron & Tibshirani 1993, ch. 12). `docs/benchmarks.md` has its coverage, and that of the percentile, expanded
percentile and BCa intervals: over 20 lognormal clusters 93 % at a nominal 95 %, and the percentile's 86 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
    """The interval of one mean; see `studentised_intervals`."""
    (ends,) = studentised_intervals([sums], drawn, level=level)
    return ends


def studentised_intervals(cells: Sequence[FloatArray], drawn: FloatArray, *, level: float) -> list[tuple[float, float]]:
    """The intervals of means θ = Σ T / Σ S over the same clusters.

    The standard error is that of a ratio, sqrt(Σ (T − θ S)²) / Σ S. Draws of equal clusters have none: where they are
    more than a quarter of what lies beyond the ends (rates with few errors), and with fewer than `MIN_CLUSTERS`
    clusters, the interval is the expanded percentile one.

    Args:
        cells: [K, 2] sums of each cluster for each of P means.
        drawn: [R, 5 P] sums of `moments` of each mean over draws of K clusters.
        level: coverage, in (0, 1).
    """
    n_clusters = len(cells[0])
    totals, sizes = np.stack(cells).transpose(2, 0, 1).copy()
    sums_of_sizes = sizes.sum(axis=1)
    means = totals.sum(axis=1) / sums_of_sizes
    squares = np.square(totals - means[:, None] * sizes).sum(axis=1)
    shifts, distances = _distances(drawn, _FLAT * squares)
    tail = (1.0 - level) / 2.0
    flat = np.isnan(distances).mean(axis=0) > (1.0 - level) / 8.0
    studentised = ~flat if n_clusters >= MIN_CLUSTERS else np.zeros_like(flat)
    ends = np.empty((2, len(cells)))
    ends[:, ~studentised] = expanded_intervals((means + shifts)[:, ~studentised], n_clusters=n_clusters, level=level)
    errors = np.sqrt(squares) / sums_of_sizes
    for which, quantile in ((_full(distances), np.quantile), (~_full(distances), np.nanquantile)):
        own = which & studentised
        if own.any():
            low, high = quantile(distances[:, own], [tail, 1.0 - tail], axis=0)
            ends[:, own] = means[own] - high * errors[own], means[own] - low * errors[own]
    return [(float(low), float(high)) for low, high in ends.T]


def _distances(drawn: FloatArray, flat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shifts of the drawn means [R, P], and the same in units of their standard errors; NaN where these are 0."""
    sizes, rest, squares, products, size_squares = (drawn[:, place::5] for place in range(5))
    shifts = rest / sizes
    spread = squares - 2.0 * shifts * products + shifts**2 * size_squares
    spread = np.where(spread > flat, spread, np.nan)
    return shifts, rest / np.sqrt(spread)


def _full(values: FloatArray) -> NDArray[np.bool_]:
    """Columns without a NaN."""
    return np.asarray(~np.isnan(values).any(axis=0), np.bool_)
