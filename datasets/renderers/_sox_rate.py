"""SoX's effect `rate -h`, which Scaper resamples with, as one linear-phase filter.

Measured on soxbindings 1.2.3 with sines, from 8 to 192 kHz: all its stages together are a sinc
windowed by a Kaiser window, with its −6 dB point at 0.95681 of the lower Nyquist frequency, to
within 2e-7 for ratios of small integers and 4e-5 (4e-4 where a rate rises) for the others. Window
and length depend on the number of stages alone, which share one stop-band attenuation: each
doubling of their number takes 6.02 dB more.

Here the filter is applied by overlap-save in the frequency domain, and the spectrum is cut or
extended to the new rate: a block of k*from/g samples becomes one of k*to/g, with g = gcd(from, to).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.signal.windows import kaiser

Samples = NDArray[np.float32]

_CUTOFF = 0.95681
_BETA, _BETA_PER_DB = 13.040, 0.1115
_WIDTH, _WIDTH_PER_DB = 194.2, 1.62
_BLOCK = 16_384


def sox_rate(samples: Samples, *, from_hz: int, to_hz: int) -> Samples:
    """Resample [T] as SoX does, to `sox_length` samples within ±1 (SoX clips)."""
    if from_hz == to_hz:
        return samples
    length = sox_length(len(samples), from_hz=from_hz, to_hz=to_hz)
    plan = _plan(from_hz, to_hz)
    # Block b starts `margin` before its hop, so that what wraps around at its ends is dropped.
    hops = max(1, -(-length // plan.hop_out))
    padded = np.zeros(hops * plan.hop_in + 2 * plan.margin_in, dtype=np.float32)
    padded[plan.margin_in : plan.margin_in + len(samples)] = samples
    blocks = np.lib.stride_tricks.sliding_window_view(padded, plan.block_in)[:: plan.hop_in]
    spectra = rfft(blocks, axis=1)[:, : len(plan.gain)] * plan.gain
    out = irfft(spectra, n=plan.block_out, axis=1)[:, plan.margin_out :][:, : plan.hop_out]
    resampled: Samples = np.clip(out.reshape(-1)[:length], -1.0, 1.0)
    return resampled


def sox_length(frames: int, *, from_hz: int, to_hz: int) -> int:
    """Samples that SoX makes of so many: frames * to / from, halves up."""
    return (2 * frames * to_hz + from_hz) // (2 * from_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Sizes of the blocks before and after, and the gain of each bin of the smaller spectrum."""

    block_in: int
    block_out: int
    margin_in: int
    margin_out: int
    gain: NDArray[np.float32] = field(repr=False)

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
    extra_db = 20.0 * math.log10(_stages(from_hz, to_hz))
    width = _WIDTH + _WIDTH_PER_DB * extra_db  # in samples of the lower rate
    margin = math.ceil(width / 2 / min(unit_in, unit_out)) + 1
    units = max(8 * margin, 2 ** round(math.log2(_BLOCK / max(unit_in, unit_out))))
    units += units % 2
    block_in, block_out = units * unit_in, units * unit_out
    response = _response(
        from_hz / min(from_hz, to_hz), width, _BETA + _BETA_PER_DB * extra_db, block_in
    )
    bins = min(block_in, block_out) // 2 + 1
    gain = response[:bins] * (block_out / block_in)
    return _Plan(
        block_in=block_in,
        block_out=block_out,
        margin_in=margin * unit_in,
        margin_out=margin * unit_out,
        gain=gain.astype(np.float32),
    )


def _response(density: float, width: float, beta: float, size: int) -> NDArray[np.float64]:
    """Gain of the windowed sinc at the bins of a block; `density` is samples per unit of `width`.

    When a rate rises the block has the lower rate, whose spectrum the sinc fills but for its edge.
    """
    half = math.floor(width / 2 * density)
    times = np.arange(-half, half + 1) / density
    window = kaiser(2 * half + 1, beta)
    taps = np.sinc(_CUTOFF * times) * window
    wrapped = np.zeros(size)
    wrapped[np.arange(-half, half + 1)] = taps / taps.sum()
    gain: NDArray[np.float64] = rfft(wrapped).real
    return gain


def _stages(from_hz: int, to_hz: int) -> int:
    """Number of filters in a row that SoX makes of a ratio."""
    ratio = max(from_hz, to_hz) / min(from_hz, to_hz)
    halvings = max(1, math.floor(math.log2(ratio)))
    common = math.gcd(from_hz, to_hz)
    small = max(from_hz, to_hz) // common <= 32  # others need an interpolator besides
    if from_hz < to_hz:
        return halvings if small else 4
    return halvings if small else 2 * halvings
