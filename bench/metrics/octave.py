"""The resampler of GNU Octave, batched in float64, which pystoi uses before STOI."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

REJECTION_DB = 60.0
ROLL_OFF = 0.1
"""Width of the transition, of the cutoff frequency."""


def resampled(signals: Tensor, *, from_hz: int, to_hz: int) -> Tensor:
    """Signals [..., T] at another rate, float64, y[m] = Σ_k h[m q − k p] s[k] for rates q : p.

    The samples past `resampled_length` of an item are those of its fading filter.
    """
    up, down = _ratio(from_hz, to_hz)
    if up == down:
        return signals
    repeats, products = _products(up, down, signals.device)
    period, frames = repeats * down, signals.shape[-1]
    count = max(1, -(-frames // period))
    before = -min(start for start, _ in products)
    after = max(start + len(matrix) for start, matrix in products)
    padded = F.pad(signals, (before, (count - 1) * period + after - frames))
    # Output samples of one group, of every period, are one product of matrices.
    groups = [
        padded[..., before + start :].unfold(-1, len(matrix), period)[..., :count, :] @ matrix
        for start, matrix in products
    ]
    return torch.cat(groups, dim=-1).flatten(-2)


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
def _products(
    up: int, down: int, device: torch.device
) -> tuple[int, tuple[tuple[int, Tensor], ...]]:
    """The filter as matrices [inputs, outputs], and the first input of each.

    Outputs m and m + p have the same weights, on inputs k and k + q; so much is one period, or
    several where it is short. A group of outputs spans about as many inputs as the filter, so that
    a third to a half of each matrix is zero.

    Returns:
        Number of p outputs in a period; matrices for the groups of a period.
    """
    taps = _low_pass(up, down)
    half = len(taps) // 2
    size = max(1, half // down)
    repeats = -(-size // up)
    products = []
    for first in range(0, repeats * up, size):
        outputs = np.arange(first, min(first + size, repeats * up))
        start = (first * down - half) // up
        inputs = np.arange(start, (int(outputs[-1]) * down + half) // up + 1)
        places = half + outputs * down - inputs[:, None] * up
        inside = (places >= 0) & (places < len(taps))
        matrix = np.where(inside, taps[np.where(inside, places, 0)], 0.0)
        products.append((start, torch.from_numpy(matrix).to(device)))
    return repeats, tuple(products)
