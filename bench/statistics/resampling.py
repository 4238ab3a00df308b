"""Draws over clusters: the bootstrap of means and paired differences; `sign_flips` has the test.

The interval of a difference is the percentile bootstrap over clusters with tails widened for small K (Hesterberg 2015,
the expanded percentile interval). Over 20 clusters it covers 1.2 to 2.7 points more than the plain one (normal: 94.7
instead of 92.8 % at 95 %). The studentised bootstrap does better for skewed differences, but covers 85 % where two
systems differ on a fifth of the mixtures only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...datasets.seeding import generator
from .student import normal_tail, t_quantile

FloatArray = NDArray[np.float64]

_WITHOUT_QUERY = "FMQ 1:0"  # as which trials without a query were stored before; the same draws as then

_BLOCK = 2**18  # numbers held in memory at once: few enough for the cache
_COUNTED = 2**16  # numbers that are counted at once
_PANEL = 16  # columns that are multiplied at once


def stratum_generator(purpose: str, names: tuple[str | int, ...]) -> np.random.Generator:
    """Generator of the draws of one stratum and metric, which depend on these names alone."""
    return generator(purpose, *(_WITHOUT_QUERY if name == "" else name for name in names))


def cluster_sums(summands: FloatArray, codes: NDArray[np.int64], n_clusters: int) -> FloatArray:
    """Summands [N, D] added up over clusters [K, D]; `codes` [N] are the clusters' numbers."""
    sums = np.zeros((n_clusters, summands.shape[1]))
    for place, column in enumerate(np.ascontiguousarray(summands.T)):
        sums[:, place] = np.bincount(codes, weights=column, minlength=n_clusters)
    return sums


def resampled_sums(sums: FloatArray, *, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Sums over K of K clusters, drawn with replacement.

    A draw needs only the sums of each cluster, however many trials there are, and one draw serves all columns.

    Args:
        sums: [K, P], of each cluster.
        resamples: number of draws R.
        rng: source of the draws.

    Returns:
        [R, P].
    """
    n_clusters = len(sums)
    panels, places, scales = _different(sums)
    drawn_sums = np.empty((resamples, _PANEL * len(panels)))
    step = max(1, _BLOCK // n_clusters)
    for start in range(0, resamples, step):
        weights = _weights(n_clusters, min(step, resamples - start), rng)
        for i, panel in enumerate(panels):
            # All panels are of one width: a product of matrices rounds otherwise with another number of columns.
            drawn_sums[start : start + step, _PANEL * i : _PANEL * (i + 1)] = weights @ panel
    return np.ldexp(drawn_sums[:, places], scales)


def _weights(n_clusters: int, draws: int, rng: np.random.Generator) -> FloatArray:
    """How often each cluster is in each of some draws [draws, K]."""
    drawn = rng.integers(n_clusters, size=(draws, n_clusters))
    weights = np.empty(drawn.shape)
    step = max(1, _COUNTED // n_clusters)
    for start in range(0, draws, step):
        own = drawn[start : start + step]
        own += n_clusters * np.arange(len(own))[:, None]
        weights[start : start + step] = np.bincount(own.ravel(), minlength=own.size).reshape(own.shape)
    return weights


def _different(sums: FloatArray) -> tuple[list[FloatArray], NDArray[np.int64], NDArray[np.int64]]:
    """Panels [K, `_PANEL`] of the columns, for each its place in them, and an exponent of two that scales it.

    Columns that are others times a power of two are left out, and the last panel is filled up with zeros.

    Systems that answered the same trials have the same numbers of trials in each cluster, and where these are 1 or 2
    in all of them, their products with the values are the values again. Products with powers of two are exact.
    """
    columns = np.ascontiguousarray(sums.T)
    largest = np.abs(columns).max(axis=1, initial=0.0)
    exponents = np.frexp(np.where(np.isfinite(largest), largest, 0.0))[1].astype(np.int64)
    known: dict[bytes, int] = {}
    kept: list[FloatArray] = []
    places = np.empty(len(columns), np.int64)
    for i, column in enumerate(np.ldexp(columns, -exponents[:, None])):
        places[i] = known.setdefault(column.tobytes(), len(kept))
        if places[i] == len(kept):
            kept.append(column)
    kept += [np.zeros(len(sums))] * (-len(kept) % _PANEL)
    panels = [np.stack(kept[first : first + _PANEL], axis=1) for first in range(0, len(kept), _PANEL)]
    return panels, places, exponents


def resampled_ratios(totals: FloatArray, sizes: FloatArray, *, resamples: int, rng: np.random.Generator) -> FloatArray:
    """sum(totals) / sum(sizes) of P columns over K of K clusters, drawn with replacement.

    Args:
        totals: [K, P], sum of the values in each cluster.
        sizes: [K, P], number of values (or another denominator) in each cluster.
        resamples: number of draws R.
        rng: source of the draws.

    Returns:
        [R, P].
    """
    # Mostly all columns are of the same trials, and then one column of sizes serves them all.
    alike = bool((sizes == sizes[:, :1]).all())
    both = np.concatenate([totals, sizes[:, :1] if alike else sizes], axis=1)
    drawn = resampled_sums(both, resamples=resamples, rng=rng)
    return np.asarray(drawn[:, : totals.shape[1]] / drawn[:, totals.shape[1] :], np.float64)


def expanded_intervals(values: FloatArray, *, n_clusters: int, level: float) -> FloatArray:
    """Expanded percentile intervals of resampled values.

    Args:
        values: [R, P], for each of P quantities.
        n_clusters: that were drawn from.
        level: coverage, in (0, 1).

    Returns:
        [2, P] lower and upper ends; NaN with a single cluster or without any value.
    """
    if n_clusters < 2:
        return np.full((2, values.shape[1]), np.nan)
    # Hesterberg 2015: the tails that make a normal quantile as wide as t's with K − 1.
    quantile = t_quantile(level=level, freedom=n_clusters - 1)
    tail = normal_tail(math.sqrt(n_clusters / (n_clusters - 1)) * quantile)
    if np.isnan(values).all():
        return np.full((2, values.shape[1]), np.nan)
    return np.asarray(np.nanquantile(values, [tail, 1.0 - tail], axis=0), np.float64)
