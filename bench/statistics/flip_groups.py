"""Sign-flip tests over a group of many assignments, at the price of a few.

The test over a subgroup of all 2^K sign assignments is exact as the one over all of them is, and the group may be drawn
at random (Hemerik & Goeman 2018, "Exact testing with random permutations", theorem 1). A group that g random
assignments generate has 2^g members: member I multiplies the generators whose bit is set in I. So the flipped sums
Σ_k d_k (−1)^<I, c_k>, where c_k are the g bits of cluster k, are the Walsh-Hadamard transform of the sums d over the
codes c, and cost g additions each instead of K. Any two members are independent assignments, so that a p-value varies
no more than one over 2^g independent assignments.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ...core.prefetch import ahead
from ...core.processors import usable_processors
from .resampling import FloatArray

_LOW = 14  # bits of a code that are transformed at once
_COLUMNS = 8  # that are transformed at once
_THREADS = min(4, usable_processors())


def _matrix(bits: int) -> FloatArray:
    """Hadamard matrix [2^bits, 2^bits] of Sylvester's construction."""
    return reduce(np.kron, [np.array([[1.0, 1.0], [1.0, -1.0]])] * bits)


_MATRICES = tuple(_matrix(bits) for bits in (4, 5, 5))  # their Kronecker product transforms 2^14


def group_size(flips: int) -> int:
    """Members of the smallest group that has at least `flips` of them in addition to the observed one."""
    return 1 << max(_LOW, flips.bit_length())


def group_p_values(totals: FloatArray, limits: FloatArray, *, rng: np.random.Generator, flips: int) -> FloatArray:
    """Shares [P] of a group of `group_size(flips)` assignments, the observed one among them, that reach each limit.

    Args:
        totals: [K, P], finite: sum of the differences in each cluster, for each of P comparisons.
        limits: [P], on the magnitude of a flipped sum.
        rng: source of the group.
        flips: assignments beyond the observed one.
    """
    bits = group_size(flips).bit_length() - 1
    codes = rng.integers(1 << bits, size=len(totals))
    parts = [slice(first, first + _COLUMNS) for first in range(0, totals.shape[1], _COLUMNS)]
    threads = _THREADS if len(parts) > 1 else 0
    reached = ahead(lambda part: _reached(totals[:, part], limits[part], codes, bits), parts, threads=threads)
    return np.concatenate([np.zeros(0), *reached]) / float(1 << bits)


def _reached(totals: FloatArray, limits: FloatArray, codes: NDArray[np.int64], bits: int) -> FloatArray:
    """Members [P] of the group that reach each limit, counted in cosets of the 2^14 of the low bits."""
    low, high = codes % (1 << _LOW), codes >> _LOW
    columns = np.ascontiguousarray(totals.T)
    reached = np.zeros(len(columns))
    for coset in range(1 << (bits - _LOW)):
        signs = 1.0 - 2.0 * _parities(high & coset)
        spread = np.array(
            [np.bincount(low, weights=column * signs, minlength=1 << _LOW) for column in columns], np.float64
        )
        reached += np.count_nonzero(np.abs(_transformed(spread)) >= limits[:, None], axis=1)
    return reached


def _transformed(values: FloatArray) -> FloatArray:
    """Walsh-Hadamard transforms [P, 2^14] of rows, one digit of the codes after the other."""
    first, second, third = _MATRICES
    values = values.reshape(-1, len(third)) @ third
    values = second @ values.reshape(-1, len(second), len(third))
    values = first @ values.reshape(-1, len(first), len(second) * len(third))
    return values.reshape(-1, 1 << _LOW)


def _parities(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whether each number has an odd number of bits."""
    for shift in (32, 16, 8, 4, 2, 1):
        numbers = numbers ^ (numbers >> shift)
    return numbers & 1
