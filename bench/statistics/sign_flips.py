"""The clustered sign-flip test of paired differences.

Source: Fisher 1935, sec. 21; for few clusters Canay, Romano & Shaikh 2017.

Under the hypothesis that two systems are alike, the sum of differences in a cluster is as likely to be −d as d, so the
observed mean is compared with those of all 2^K assignments of signs to K clusters. Its level is exact for any K if the
sums are symmetric, where the bootstrap's is not: for 20 normal clusters 5 %, against 7 % for the percentile bootstrap,
and 17 % for 5. Flips keep the sum of squares, so the test of the mean and that of its t-statistic are one and the same,
which is why it tends to the right level without symmetry too (Janssen 1999): for exponential sums 8 % at 20 clusters
and 7 % at 40, less than the percentile bootstrap's. It cannot call anything significant with fewer than 6 clusters: the
smallest p-value is 2^(1−K).

A family of many comparisons needs p-values below 1 / (1 + `FLIPS`). A comparison whose p-value is at most 0.0025 is
tested again with more assignments (`flip_groups`), and the second p-value stands. The level α holds: for α ≥ 0.0025
only comparisons with a first p-value of at most α are significant, and below only those with such a second one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .flip_groups import group_p_values, group_size
from .resampling import FloatArray
from .student import normal_tail

FLIPS = 9999
"""Random sign assignments where 2^K are too many."""

_EXACT = 14  # clusters up to which all are tried: 2^13, since a sign common to all is no matter
PRECISE = 25
"""Assignments that reach a limit by which its p-value is known well enough."""
_SMALL = PRECISE / (1 + FLIPS)  # p-value up to which more assignments are worth their time
_BLOCK = 2**18  # numbers held in memory at once: few enough for the cache
_MANY = 200  # comparisons from which a factorisation pays
_SPARE = 8  # columns of a sketch beyond the rank that is looked for
_NEGLIGIBLE = 0.01  # of the tolerance below
_SAME = 1e-9  # of the sum of magnitudes: sums closer than this are equal but for rounding
_TAIL = 2 * 3.178  # times a normal tail bounds that of random signs
_NEVER = 1e-9  # probability of an event that is taken for impossible


def sign_flip_p_values(totals: FloatArray, *, rng: np.random.Generator, flips: int = FLIPS) -> FloatArray:
    """Two-sided p-values of the hypothesis that clusters' sums are symmetric around 0.

    All assignments of signs are tried where at most 14 sums of a column differ from 0. Otherwise `flips` are drawn,
    common to all columns, and the observed one counts as one more, so that the level holds for any number of draws
    (Phipson & Smyth 2010). More than `FLIPS` are for columns whose p-value by `FLIPS` is at most 0.0025.

    Args:
        totals: [K, P], finite: sum of the differences in each cluster, for each of P comparisons.
        rng: source of the random signs.
        flips: number of random assignments.

    Returns:
        [P], each in (0, 1].
    """
    observed = np.abs(totals.sum(axis=0))
    limits = observed - _SAME * np.abs(totals).sum(axis=0)
    n_nonzero = np.count_nonzero(totals, axis=0)
    p_values = np.ones(totals.shape[1])
    for i in np.flatnonzero(n_nonzero <= _EXACT):
        sums = totals[totals[:, i] != 0.0, i]
        p_values[i] = np.mean(np.abs(_all_signs(len(sums)) @ sums) >= limits[i])
    drawn = n_nonzero > _EXACT
    p_values[drawn] = 1.0 / (1.0 + flips if flips <= FLIPS else group_size(flips))
    first = min(flips, FLIPS)
    counted = np.flatnonzero(drawn & _reachable(totals, limits, first))
    if len(counted):
        p_values[counted] = (1.0 + _count_reached(totals[:, counted], limits[counted], rng, first)) / (1.0 + first)
    if flips > FLIPS:
        again = np.flatnonzero(drawn & (p_values <= _SMALL) & _reachable(totals, limits, flips))
        p_values[again] = group_p_values(totals[:, again], limits[again], rng=rng, flips=flips)
    return p_values


def _reachable(totals: FloatArray, limits: FloatArray, flips: int) -> NDArray[np.bool_]:
    """[P]: limits that any of so many random assignments may reach.

    A sum of random signs exceeds t times its standard deviation with at most 3.178 times the probability of a normal
    variable (Bentkus & Dzindzalieta 2015). Systems that lie far apart are never counted.
    """
    with np.errstate(invalid="ignore", divide="ignore"):  # columns of zeros
        distances = limits / np.sqrt(np.square(totals).sum(axis=0))
    tails = np.array([normal_tail(distance) for distance in distances.tolist()], np.float64)
    return np.asarray(~(flips * _TAIL * tails < _NEVER), np.bool_)


def exchange_p_value(
    ours: FloatArray,
    theirs: FloatArray,
    value: Callable[[FloatArray], FloatArray],
    *,
    rng: np.random.Generator,
    flips: int = FLIPS,
) -> float:
    """Two-sided p-value of the hypothesis that two systems can be exchanged in every cluster.

    For means it is the sign-flip test; it also holds for values that are no means, such as an F1 score: the clusters'
    sums of two systems are exchanged at random, and the difference of the values is looked at again.

    Args:
        ours: [K, D] sums of each cluster.
        theirs: [K, D].
        value: of sums [..., D].
        rng: source of the random exchanges.
        flips: number of them, in addition to the observed one.
    """
    half, middle = 0.5 * (ours - theirs), 0.5 * (ours + theirs).sum(axis=0)
    apart = np.abs(half).sum(axis=1) > 0
    half = half[apart]

    def difference(sums: FloatArray) -> FloatArray:
        return np.abs(value(middle + sums) - value(middle - sums))

    observed = float(difference(half.sum(axis=0)))
    if np.isnan(observed):
        return math.nan
    limit = observed - _SAME * max(1.0, observed)

    def reaches(sums: FloatArray) -> NDArray[np.bool_]:
        # An exchange that leaves a system without a value (NaN) is no evidence against the hypothesis: it counts as one
        # that reaches the limit.
        return np.asarray(~(difference(sums) < limit), np.bool_)

    if len(half) <= _EXACT:
        return float(np.mean(reaches(_all_signs(len(half)) @ half)))
    reached = 0
    step = max(1, _BLOCK // max(len(half), half.shape[1]))
    for start in range(0, flips, step):
        signs = rng.integers(2, size=(min(step, flips - start), len(half))) * 2.0 - 1.0
        reached += int(np.count_nonzero(reaches(signs @ half)))
    return (1.0 + reached) / (1.0 + flips)


def _all_signs(n_clusters: int) -> FloatArray:
    """All signs [2^(K−1), K] of K clusters, up to a sign common to all."""
    codes = np.arange(2 ** max(0, n_clusters - 1))[:, None] >> np.arange(n_clusters)
    return np.asarray(1 - 2 * (codes & 1), np.float64)


def _count_reached(totals: FloatArray, limits: FloatArray, rng: np.random.Generator, flips: int) -> FloatArray:
    """Number of `flips` random assignments that reach each limit [P]; totals are [K, P], without a column of zeros."""
    n_clusters, n_pairs = totals.shape
    n_bytes = -(-n_clusters // 8)
    counter = _Counter(totals, limits)
    reached = np.zeros(n_pairs)
    # A multiple of 8, so that the length of a block leaves no trace in the stream of bytes.
    step = max(8, _BLOCK // max(8 * n_bytes, n_pairs) // 8 * 8)
    for start in range(0, flips, step):
        length = min(step, flips - start)
        packed = np.frombuffer(rng.bytes(length * n_bytes), np.uint8).reshape(length, n_bytes)
        reached += counter.count(np.unpackbits(packed, axis=1, count=n_clusters))
    return reached


class _Counter:
    """Counts assignments that reach each limit [P], of totals [K, P] without a column of zeros.

    Signs are 2 bits − 1, and so are their sums. Sums in single precision, of totals whose magnitudes add up to 1,
    decide where they are farther from the limit than 4 sqrt(K) 2^−24; the others are made again in double precision.
    Rounding is likely to move them less even if all partial sums were 1 (Higham & Mary 2019, theorem 3.1), and these
    are smaller by the square root of K.
    """

    def __init__(self, totals: FloatArray, limits: FloatArray) -> None:
        self._left, self._right = _factors(totals)
        self._sums, self._limits = totals.sum(axis=0), limits
        scale = np.abs(totals).sum(axis=0)
        self._rough = (totals / scale).astype(np.float32) if self._right is None else None
        self._rough_sums, self._rough_limits = self._sums / scale, limits / scale
        self._doubt = 4.0 * math.sqrt(len(totals)) * 2.0**-24

    def count(self, bits: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Numbers [P] of assignments [F, K]."""
        if self._rough is None:
            return np.asarray(np.count_nonzero(self._reaches(bits), axis=0))
        distances = np.abs(2.0 * (bits.astype(np.float32) @ self._rough) - self._rough_sums) - self._rough_limits
        close = np.abs(distances) < self._doubt
        found = np.count_nonzero((distances > 0.0) & ~close, axis=0)
        again = close.any(axis=1)
        return np.asarray(found + np.count_nonzero(self._reaches(bits[again]) & close[again], axis=0))

    def _reaches(self, bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
        half = bits.astype(np.float64) @ self._left
        flipped = 2.0 * (half if self._right is None else half @ self._right) - self._sums
        return np.asarray(np.abs(flipped) >= self._limits, np.bool_)


def _factors(totals: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    """Two factors of totals [K, P] whose product is within rounding of them, or these and None.

    All P = S (S − 1) / 2 pairs of S systems that answered the same trials are differences of S columns, so that their
    rank is below S, and a product of signs with S columns is enough. The range is found by a random sketch (Halko,
    Martinsson & Tropp 2011, algorithm 4.1), and what is left over is compared with `_SAME`: a sum that the rounding
    could move to the other side of a limit lies within the tolerance of the limit already.
    """
    n_pairs = totals.shape[1]
    width = math.ceil(math.sqrt(2 * n_pairs)) + _SPARE
    if n_pairs < _MANY or width >= min(totals.shape):
        return totals, None
    sketch = totals @ np.random.default_rng(0).standard_normal((n_pairs, width))
    basis = np.linalg.qr(sketch)[0]
    weights = basis.T @ totals
    left_over = np.abs(totals - basis @ weights).sum(axis=0)
    if (left_over > _NEGLIGIBLE * _SAME * np.abs(totals).sum(axis=0)).any():
        return totals, None
    return basis, weights
