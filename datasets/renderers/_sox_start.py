"""What SoX loses at the start of a signal that it resamples in several stages.

Each stage drops what it makes before time zero, and the next one takes it for silence. The loss is
linear in the first samples and reaches a few samples of the output; it is heard nowhere, but where
a clip begins in the middle of a loud sound it changes the loudness that levels are set by.

Measured on soxbindings 1.2.3 with impulses: the first stage of a ratio of 4 and more is a half-band
filter; the last stage of a ratio that is not of small integers interpolates with a windowed sinc.
With both known, the loss is made to within 1e-5 of the signal (ratios near 1: 4e-4). Ratios of 8
and more, and rising ones with an interpolator, are left as they are.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0

from ._sox_window import LowPass

Matrix = NDArray[np.float64]

OUTPUTS = 64
"""Samples of the output that can lose something; after so many it is below 1e-6."""

# Taps 3, 5, 7, ... from the middle of the half-band filter; 2, 4, 6, ... are zero.
_HALF_BAND = (-0.0873465, 0.036815, -0.015188, 0.005455, -0.001565, 0.000318, -0.000034)
_CUTOFF = 0.91
# β and half the width of the interpolator, for ratios of its input to its output of up to 2.5.
_SHORT, _LONG = (13.96, 6.975), (14.70, 8.18)
_LONG_BELOW = 2.5


def start_loss(low_pass: LowPass, *, from_hz: int, to_hz: int) -> Matrix:
    """What is missing from the first `OUTPUTS` samples, as a matrix over the first inputs."""
    inputs = low_pass.reach + 16
    stages = low_pass.stages
    ratio = from_hz / to_hz
    if ratio <= 1 or stages > 2 or not (stages == 2 or low_pass.interpolates):
        return np.zeros((OUTPUTS, inputs))
    if stages == 1:
        return _interpolator_loss(low_pass, ratio, inputs)
    before, after = _half_band(inputs)
    behind = np.arange(OUTPUTS)[:, None] * (ratio / 2) + np.arange(1.0, len(before) + 1.0)
    loss: Matrix = low_pass.taps(2.0 * behind) * 2.0 @ before
    if low_pass.interpolates:
        loss += _interpolator_loss(low_pass.at_half_rate(), ratio / 2, len(after)) @ after
    return loss


def _half_band(inputs: int) -> tuple[Matrix, Matrix]:
    """The half-band filter at the samples -1, -2, ... and 0, 1, ... of its output."""
    reach = len(_HALF_BAND)
    middle = 0.25 - sum(_HALF_BAND)  # the taps add up to 1, and that in the middle is 0.5
    taps = {0: 0.5}
    for number, tap in enumerate((middle, *_HALF_BAND)):
        taps[2 * number + 1] = taps[-2 * number - 1] = tap
    places = range(-reach, inputs // 2)
    whole = np.array([[taps.get(k - 2 * m, 0.0) for k in range(inputs)] for m in places])
    return whole[:reach][::-1], whole[reach:]


def _interpolator_loss(low_pass: LowPass, ratio: float, inputs: int) -> Matrix:
    """The interpolator takes samples of the low-passed signal, which has twice the rate below 2."""
    per_input = 1 if ratio >= 2 else 2
    beta, half = _LONG if ratio * per_input < _LONG_BELOW else _SHORT
    back = np.arange(1.0, math.ceil(half) + 1.0)
    reached = np.arange(OUTPUTS)[:, None] * (ratio * per_input) + back
    passed = low_pass.taps(back[:, None] / per_input + np.arange(inputs))
    loss: Matrix = _kernel(reached, beta, half) @ passed
    return loss


def _kernel(times: Matrix, beta: float, half: float) -> Matrix:
    inside = np.sqrt(np.maximum(0.0, 1.0 - np.square(times / half)))
    window = np.where(np.abs(times) < half, i0(beta * inside) / i0(beta), 0.0)
    kernel: Matrix = _CUTOFF * np.sinc(_CUTOFF * times) * window
    return kernel
