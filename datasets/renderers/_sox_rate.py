"""SoX's effect `rate -h`, which Scaper resamples with, as one linear-phase filter.

Measured on soxbindings 1.2.3 with sines, from 8 to 192 kHz: all its stages together are a sinc with
its −6 dB point at 0.95681 of the lower Nyquist frequency in a Kaiser window, to within 2e-7 where
the ratio is of small integers. Each doubling of the number of stages, which share a stop-band
attenuation, takes 6.02 dB more, and a longer window; its taps are rounded up to 4n + 1. Other
ratios have an interpolator besides, which droops by up to 4e-5 (4e-4 where the rate rises).

Here the filter is applied by overlap-save in the frequency domain, and the spectrum is cut or
extended to the new rate: a block of k*from/g samples becomes one of k*to/g, with g = gcd(from, to).
White noise of −20 dB comes out within 1e-5 of SoX's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from ._sox_start import start_loss
from ._sox_window import LowPass, low_pass

Samples = NDArray[np.float32]

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
    """The FFT takes four rows in the time of one and a half: two or three left over become four."""
    left_over = needed % _ROWS
    return needed + _ROWS - left_over if left_over > 1 else needed


def sox_length(frames: int, *, from_hz: int, to_hz: int) -> int:
    """Samples that SoX makes of so many: frames * to / from, halves up."""
    return (2 * frames * to_hz + from_hz) // (2 * from_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How to resample by one ratio.

    Attributes:
        block_in: samples of a block before.
        block_out: samples of a block after.
        margin_in: of these, at either end, what wraps around.
        margin_out: the same after.
        gain: of each bin of the smaller spectrum.
        loss: of the first samples, see `_sox_start`.
    """

    block_in: int
    block_out: int
    margin_in: int
    margin_out: int
    gain: NDArray[np.float32] = field(repr=False)
    loss: NDArray[np.float32] = field(repr=False)

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

    When a rate rises the block has the lower rate, whose spectrum the filter passes but for its
    edge.
    """
    times = np.arange(-filtered.reach, filtered.reach + 1)
    wrapped = np.zeros(size)
    wrapped[times] = filtered.taps(times.astype(np.float64))
    gain: NDArray[np.float64] = rfft(wrapped).real
    return gain
