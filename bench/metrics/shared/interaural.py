"""Level and time differences between the two ears of a signal.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MOST_ITD_S = 1e-3
"""Largest time difference that is looked for; a head makes about 0.7 ms."""

_REACH = 64  # samples of the interpolation kernel on either side
_STEPS = 32  # points between two samples, before a parabola

Ear = NDArray[np.float64]


def ild_db(left: Ear, right: Ear) -> float:
    """Level difference of two signals [T] in dB, positive if the left is louder; neither is silent."""
    return 10.0 * math.log10(float(left @ left) / float(right @ right))


def itd_s(left: Ear, right: Ear, *, sample_rate_hz: int) -> float:
    """Time by which the right signal [T] is later than the left, in s, within ±`MOST_ITD_S`.

    It is the maximum of their cross-correlation, found between samples: the correlation is interpolated by a sinc
    kernel with a Hann window at 32 points between samples, and by a parabola between these. For sounds without energy
    next to the Nyquist frequency the error is below 0.01 samples.
    """
    most = MOST_ITD_S * sample_rate_hz
    reach = math.ceil(most) + 1 + _REACH
    size = 1 << (len(left) + reach).bit_length()
    spectrum = np.conj(np.fft.rfft(left, size)) * np.fft.rfft(right, size)
    circular = np.fft.irfft(spectrum, size)
    correlation = np.concatenate([circular[-reach:], circular[: reach + 1]])  # lags -reach ... reach
    points = np.arange(-math.ceil(most * _STEPS), math.ceil(most * _STEPS) + 1) / _STEPS
    distance = points[:, None] - np.arange(-reach, reach + 1)[None]
    inside = np.abs(distance) < _REACH
    kernel = np.where(inside, np.sinc(distance) * np.cos(0.5 * np.pi * distance / _REACH) ** 2, 0.0)
    values = kernel @ correlation
    best = int(np.argmax(values))
    return float((points[best] + _vertex(values, best) / _STEPS) / sample_rate_hz)


def _vertex(values: NDArray[np.float64], best: int) -> float:
    """Place of the vertex of the parabola through a maximum and its neighbours, within ±0.5; 0 at an end."""
    if not 0 < best < len(values) - 1:
        return 0.0
    before, middle, after = values[best - 1 : best + 2]
    curvature = before - 2.0 * middle + after
    return 0.0 if curvature == 0 else float(0.5 * (before - after) / curvature)
