"""The resampler of GNU Octave, batched in float64, which pystoi uses before STOI."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

REJECTION_DB = 60.0
ROLL_OFF = 0.1
"""Width of the transition, of the cutoff frequency."""
GROUP = 36
"""Outputs of one product of matrices: a multiple of 12, which suits a register file, and few, so
that the inputs of the group are not many more than those of one output."""


def resampled(signals: Sequence[Tensor], *, from_hz: int, to_hz: int) -> Tensor:
    """So many signals [..., T] at another rate [n, ..., T'], float64.

    y[m] = Σ_k h[m q − k p] s[k] for rates q : p. The samples past `resampled_length` of an item are those of its fading
    filter.
    """
    up, down = _ratio(from_hz, to_hz)
    if up == down:
        return torch.stack([signal.double() for signal in signals])
    shape, frames = signals[0].shape[:-1], signals[0].shape[-1]
    products = _products(up, down, signals[0].device)
    outputs = len(products) * GROUP
    period = outputs * down // up
    before = -products[0][0]
    reach = max(start + len(matrix) for start, matrix in products)
    # Rows of one product must not overlap in memory, so that it takes every n-th period.
    every = -(-max(len(matrix) for _, matrix in products) // period)
    step = every * period
    rows = -(-(before + frames + reach) // step)
    count = len(signals) * shape.numel() * rows
    padded = signals[0].new_zeros((count + 1) * step + before + reach, dtype=torch.float64)
    places = padded[: count * step].view(len(signals), *shape, rows * step)
    for place, signal in zip(places, signals, strict=True):
        place[..., before : before + frames] = signal
    result = padded.new_empty(count, every, len(products), GROUP)
    for turn in range(every):
        for group, (start, matrix) in enumerate(products):
            inputs = padded[turn * period + before + start :]
            windows = inputs.as_strided((count, len(matrix)), (step, 1))
            torch.mm(windows, matrix, out=result[:, turn, group])
    return result.view(len(signals), *shape, rows * every * outputs)


def resampled_length(lengths: Tensor, *, from_hz: int, to_hz: int) -> Tensor:
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
def _products(up: int, down: int, device: torch.device) -> tuple[tuple[int, Tensor], ...]:
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
        products.append((start, torch.from_numpy(matrix).to(device)))
    return tuple(products)
