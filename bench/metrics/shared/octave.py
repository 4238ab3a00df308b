"""The resampler of GNU Octave, batched in float64, which pystoi uses before STOI."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.arrays import Array, float64, namespace, on_cpu, placed, windows

REJECTION_DB = 60.0
ROLL_OFF = 0.1
"""Width of the transition, of the cutoff frequency."""
GROUP = 24
"""Outputs of one product of matrices: a multiple of 12, which suits a register file, and few, so that the inputs of the
group are not many more than those of one output."""
SMALL = 900_000
"""Multiplications of a product on a CPU: OpenBLAS copies matrices before it multiplies them, except for small ones."""


def resampled(signals: Sequence[Array], *, from_hz: int, to_hz: int) -> Array:
    """So many signals [..., T] at another rate [n, ..., T'], float64.

    y[m] = Σ_k h[m q − k p] s[k] for rates q : p. The samples past `resampled_length` of an item are those of its fading
    filter.
    """
    up, down = _ratio(from_hz, to_hz)
    xp, device = namespace(signals[0]), signals[0].device
    if up == down:
        return xp.stack([float64(signal) for signal in signals])
    shape, frames = tuple(signals[0].shape[:-1]), signals[0].shape[-1]
    products = _products(up, down, device)
    outputs = len(products) * GROUP
    period = outputs * down // up
    before = -products[0][0]
    reach = max(start + len(matrix) for start, matrix in products)
    # Rows of one product must not overlap in memory, so that it takes every n-th period.
    every = -(-max(len(matrix) for _, matrix in products) // period)
    step = every * period
    rows = -(-(before + frames + reach) // step)
    each = math.prod(shape)
    result = xp.empty((len(signals), each, rows, every, len(products), GROUP), dtype=xp.float64, device=device)
    # On a CPU one signal after the other, which stays in its caches.
    most, size = (1, max(1, SMALL // (step * GROUP))) if on_cpu(signals[0]) else (max(1, each), max(1, each * rows))
    filled = xp.zeros((most * rows + 1) * step + before + reach, dtype=xp.float64, device=device)
    for place, signal in enumerate(signals):
        for start in range(0, each, most):
            part = signal.reshape(each, frames)[start : start + most]
            filled[: len(part) * rows * step].reshape(len(part), -1)[:, before : before + frames] = part
            found = result[place, start : start + most].reshape(-1, every, len(products), GROUP)
            for row in range(0, len(found), size):
                _multiply(filled[row * step :], products, period, step, out=found[row : row + size])
    return result.reshape(len(signals), *shape, rows * every * outputs)


def _multiply(filled: Array, products: Sequence[tuple[int, Array]], period: int, step: int, *, out: Array) -> None:
    """Outputs [rows, every, products, GROUP] from samples, of which the first are those of the first output."""
    (rows, every), origin = out.shape[:2], products[0][0]
    for turn in range(every):
        for group, (first, matrix) in enumerate(products):
            inputs = filled[turn * period + first - origin :]
            namespace(out).matmul(windows(inputs, (rows, len(matrix)), (step, 1)), matrix, out=out[:, turn, group])


def resampled_length(lengths: Array, *, from_hz: int, to_hz: int) -> Array:
    """Number of samples at the other rate, rounded up."""
    up, down = _ratio(from_hz, to_hz)
    return (lengths * up + down - 1) // down


def _ratio(from_hz: int, to_hz: int) -> tuple[int, int]:
    """Factors p and q, without a common divisor, of the rate up and down."""
    divisor = math.gcd(from_hz, to_hz)
    return to_hz // divisor, from_hz // divisor


def _low_pass(up: int, down: int) -> NDArray[np.float64]:
    """Windowed sinc h, of an odd length, with the sum p.

    Source: GNU Octave's `resample`; Oppenheim and Schafer, "Discrete-time signal processing",
        section 7.5.3, for the Kaiser window.
    """
    cutoff = 0.5 / max(up, down)
    half = math.ceil((REJECTION_DB - 8.0) / (28.714 * cutoff * ROLL_OFF))
    beta = 0.1102 * (REJECTION_DB - 8.7)
    ideal = np.sinc(2.0 * cutoff * np.arange(-half, half + 1))
    taps = np.kaiser(2 * half + 1, beta) * ideal
    return np.asarray(up * taps / taps.sum(), np.float64)


@lru_cache(maxsize=8)
def _products(up: int, down: int, device: Any) -> tuple[tuple[int, Array], ...]:
    """The filter as matrices [inputs, GROUP] for consecutive outputs, and the first input of each.

    Outputs m and m + p have the same weights, on inputs k and k + q: the groups cover some whole p outputs, and then
    come again. A group spans the inputs of a filter and a few more, so that a quarter to a half of each matrix is zero.
    """
    taps = _low_pass(up, down)
    half = len(taps) // 2
    products = []
    for first in range(0, math.lcm(up, GROUP), GROUP):
        outputs = np.arange(first, first + GROUP)
        start = (first * down - half) // up
        inputs = np.arange(start, (int(outputs[-1]) * down + half) // up + 1)
        places = half + outputs * down - inputs[:, None] * up
        inside = (places >= 0) & (places < len(taps))
        matrix = np.where(inside, taps[np.where(inside, places, 0)], 0.0)
        products.append((start, placed(matrix, device)))
    return tuple(products)
