"""SoX's effect `rate -h`, which Scaper resamples with, as one linear-phase filter.

Measured on soxbindings 1.2.3 with sines, from 8 to 192 kHz: all its stages together are a sinc with its −6 dB point at
0.95681 of the lower Nyquist frequency in a Kaiser window, to within 2e-7 where the ratio is of small integers. Each
doubling of the number of stages, which share a stop-band attenuation, takes 6.02 dB more, and a longer window; its taps
are rounded up to 4n + 1. Other ratios have an interpolator besides, which droops by up to 4e-5 (4e-4 where the rate
rises).

Here the filter is applied by overlap-save in the frequency domain, and the spectrum is cut or extended to the new rate:
a block of k*from/g samples becomes one of k*to/g, with g = gcd(from, to). White noise of −20 dB comes out within 1e-5
of SoX's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.special import i0

Samples = NDArray[np.float32]
Signal = NDArray[np.float64]
Matrix = NDArray[np.float64]

_BLOCK = 8192
_ROWS = 4


def sox_rate(samples: Samples, *, from_hz: int, to_hz: int) -> Samples:
    """Resample [T] as SoX does, to `sox_length` samples within ±1 (SoX clips)."""
    if from_hz == to_hz:
        return samples
    length = sox_length(len(samples), from_hz=from_hz, to_hz=to_hz)
    plan = _plan(from_hz, to_hz)
    # Block b starts `margin` before its hop, so that what wraps around at its ends is dropped.
    hops = _hops(max(1, -(-length // plan.hop_out)))
    padded = np.zeros(hops * plan.hop_in + 2 * plan.margin_in, dtype=np.float32)
    padded[plan.margin_in : plan.margin_in + len(samples)] = samples
    blocks = np.lib.stride_tricks.sliding_window_view(padded, plan.block_in)[:: plan.hop_in]
    spectra = rfft(blocks, axis=1)[:, : len(plan.gain)] * plan.gain
    out = irfft(spectra, n=plan.block_out, axis=1)[:, plan.margin_out :][:, : plan.hop_out]
    resampled: Samples = out.reshape(-1)[:length]
    if plan.loss.any():
        first = padded[plan.margin_in :][: plan.loss.shape[1]]
        lost = plan.loss[:length, : len(first)] @ first
        resampled[: len(lost)] -= lost
    return np.clip(resampled, -1.0, 1.0, out=resampled)


def _hops(needed: int) -> int:
    """Round up to four rows, which the FFT takes in the time of one and a half."""
    left_over = needed % _ROWS
    return needed + _ROWS - left_over if left_over > 1 else needed


def sox_length(frames: int, *, from_hz: int, to_hz: int) -> int:
    """Samples that SoX makes of so many: frames * to / from, halves up."""
    return (2 * frames * to_hz + from_hz) // (2 * from_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Plan of resampling by one ratio."""

    block_in: int  # samples of a block before
    block_out: int  # samples of a block after
    margin_in: int  # of these, at either end, what wraps around
    margin_out: int  # the same after
    gain: NDArray[np.float32] = field(repr=False)  # of each bin of the smaller spectrum
    loss: NDArray[np.float32] = field(repr=False)  # of the first samples, see `start_loss`

    @property
    def hop_in(self) -> int:
        return self.block_in - 2 * self.margin_in

    @property
    def hop_out(self) -> int:
        return self.block_out - 2 * self.margin_out


@lru_cache(maxsize=16)
def _plan(from_hz: int, to_hz: int) -> _Plan:
    common = math.gcd(from_hz, to_hz)
    unit_in, unit_out = from_hz // common, to_hz // common
    filtered = low_pass(from_hz, to_hz)
    margin = math.ceil(filtered.width / 2 / min(unit_in, unit_out))  # no less than half the taps
    # Powers of two are fast, and margins may take an eighth of a block at most.
    size = 2 ** round(math.log2(_BLOCK / max(unit_in, unit_out)))
    units = max(size, 2 ** math.ceil(math.log2(16 * margin)))
    block_in, block_out = units * unit_in, units * unit_out
    response = _response(filtered, block_in)
    bins = min(block_in, block_out) // 2 + 1
    gain = response[:bins] * (block_out / block_in)
    return _Plan(
        block_in=block_in,
        block_out=block_out,
        margin_in=margin * unit_in,
        margin_out=margin * unit_out,
        gain=gain.astype(np.float32),
        loss=start_loss(filtered, from_hz=from_hz, to_hz=to_hz).astype(np.float32),
    )


def _response(filtered: LowPass, size: int) -> NDArray[np.float64]:
    """Gain of the filter at the bins of a block.

    When a rate rises the block has the lower rate, whose spectrum the filter passes but for its edge.
    """
    times = np.arange(-filtered.reach, filtered.reach + 1)
    wrapped = np.zeros(size)
    wrapped[times] = filtered.taps(times.astype(np.float64))
    gain: NDArray[np.float64] = rfft(wrapped).real
    return gain


_CUTOFF = 0.95681
_BETA, _BETA_PER_DB = 13.040, 0.1115
_WIDTH, _WIDTH_PER_DB = 192.95, 1.611
_LARGEST_INTEGER = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LowPass:
    """A sinc in a Kaiser window."""

    beta: float  # of the window
    width: float  # of the window, in samples of the lower rate
    density: float  # input samples to one of the lower rate
    stages: int  # half-band filters, the low-pass among them
    interpolates: bool  # whether an interpolator follows

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
    """SoX's filter for a ratio."""
    common = math.gcd(from_hz, to_hz)
    high, low = max(from_hz, to_hz) // common, min(from_hz, to_hz) // common
    stages = max(1, math.floor(math.log2(high / low)))
    interpolates = high > _LARGEST_INTEGER
    beta, width = _window(stages, high, rises=from_hz < to_hz, interpolates=interpolates)
    return LowPass(beta=beta, width=width, density=max(1.0, from_hz / to_hz), stages=stages, interpolates=interpolates)


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


OUTPUTS = 64  # Samples of the output that can lose something; after so many it is below 1e-6

# Taps 3, 5, 7, ... from the middle of the half-band filter; 2, 4, 6, ... are zero.
_HALF_BAND = (-0.0873465, 0.036815, -0.015188, 0.005455, -0.001565, 0.000318, -0.000034)
# β, half the width and the cut-off of the interpolator, by the ratio of its input to its output.
_SHORT, _LONG, _RISING = (13.96, 6.975, 0.91), (14.70, 8.18, 0.91), (14.07, 8.0, 0.9113)
_LONG_BELOW = 2.5


def start_loss(low_pass: LowPass, *, from_hz: int, to_hz: int) -> Matrix:
    """Loss of the first `OUTPUTS` samples, as a matrix over the first inputs.

    It is not known, and 0, where a rate rises by 4 or more, falls by 8 or more, or rises by a ratio of small integers:
    white noise of −20 dB then starts up to 3e-2 off (11.025 to 48 kHz), 9e-3 (8 to 44.1 kHz) or 1e-3 (8 to 48 kHz).
    """
    inputs = low_pass.reach + 16
    stages = low_pass.stages
    ratio = from_hz / to_hz
    if stages > 2 or not (stages == 2 or low_pass.interpolates) or (ratio < 1 and stages == 2):
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
    beta, half, cutoff = _interpolator(ratio * per_input, rises=ratio < 1)
    back = np.arange(1.0, math.ceil(half) + 1.0)
    reached = np.arange(OUTPUTS)[:, None] * (ratio * per_input) + back
    passed = low_pass.taps(back[:, None] / per_input + np.arange(inputs))
    loss: Matrix = _kernel(reached, beta, half, cutoff) @ passed
    return loss


def _interpolator(ratio: float, *, rises: bool) -> tuple[float, float, float]:
    if rises:
        return _RISING
    return _LONG if ratio < _LONG_BELOW else _SHORT


def _kernel(times: Matrix, beta: float, half: float, cutoff: float) -> Matrix:
    inside = np.sqrt(np.maximum(0.0, 1.0 - np.square(times / half)))
    window = np.where(np.abs(times) < half, i0(beta * inside) / i0(beta), 0.0)
    kernel: Matrix = cutoff * np.sinc(cutoff * times) * window
    return kernel
