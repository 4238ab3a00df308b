"""The low-pass filter of SoX's effect `rate -h`, see `_sox_rate`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0

Signal = NDArray[np.float64]

_CUTOFF = 0.95681
_BETA, _BETA_PER_DB = 13.040, 0.1115
_WIDTH, _WIDTH_PER_DB = 192.95, 1.611
_LARGEST_INTEGER = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LowPass:
    """A sinc in a Kaiser window.

    Attributes:
        beta: of the window.
        width: of the window, in samples of the lower rate.
        density: input samples to one of the lower rate.
        stages: half-band filters, the low-pass among them.
        interpolates: is there an interpolator behind it?
    """

    beta: float
    width: float
    density: float
    stages: int
    interpolates: bool

    @property
    def reach(self) -> int:
        """Input samples on either side of the middle."""
        return math.floor(self.width / 2 * self.density)

    def taps(self, times: Signal) -> Signal:
        """The response at times in input samples; at whole ones it adds up to 1."""
        grid = np.arange(-self.reach, self.reach + 1, dtype=np.float64)
        taps: Signal = self._shape(times) / self._shape(grid).sum()
        return taps

    def at_half_rate(self) -> LowPass:
        """The same filter on every second input sample."""
        return replace(self, density=self.density / 2, stages=self.stages - 1)

    def _shape(self, times: Signal) -> Signal:
        lower = times / self.density
        inside = np.sqrt(np.maximum(0.0, 1.0 - np.square(2.0 * lower / self.width)))
        window = np.where(np.abs(lower) <= self.width / 2, i0(self.beta * inside), 0.0)
        shape: Signal = np.sinc(_CUTOFF * lower) * window
        return shape


def low_pass(from_hz: int, to_hz: int) -> LowPass:
    """What SoX makes of a ratio."""
    common = math.gcd(from_hz, to_hz)
    high, low = max(from_hz, to_hz) // common, min(from_hz, to_hz) // common
    stages = max(1, math.floor(math.log2(high / low)))
    interpolates = high > _LARGEST_INTEGER
    beta, width = _window(stages, high, rises=from_hz < to_hz, interpolates=interpolates)
    return LowPass(
        beta=beta,
        width=width,
        density=max(1.0, from_hz / to_hz),
        stages=stages,
        interpolates=interpolates,
    )


def _window(stages: int, high: int, *, rises: bool, interpolates: bool) -> tuple[float, float]:
    """β, and width in samples of the lower rate."""
    if interpolates:
        if rises:
            return 14.476, 209.96
        return (14.464, 214.28) if stages > 1 else (13.783, 204.05)
    extra_db = 20.0 * math.log10(stages)
    last = high / 2 ** (stages - 1)  # samples of the last stage to one of the lower rate
    taps = 4 * math.ceil((last * (_WIDTH + _WIDTH_PER_DB * extra_db) - 1) / 4) + 1
    return _BETA + _BETA_PER_DB * extra_db, taps / last
