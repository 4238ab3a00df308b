"""SoX's effect `rate -h`, which Scaper resamples with.

All its stages together (`sox_stages`) are one linear-phase filter but for the first samples. Here it is applied by
overlap-save in the frequency domain, and the spectrum is cut or extended to the new rate: a block of k*from/g samples
becomes one of k*to/g, with g = gcd(from, to). Then what SoX's stages lose at the start is subtracted.

White noise of −20 dB comes out within 5e-5 of SoX's (soxbindings 1.2.3), the first samples included, between any two of
8, 11.025, 12, 16, 22.05, 24, 32, 44.1 and 48 kHz, and within 3e-4 up to 192 kHz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from .sox_stages import Sinc, later_filters, loss_of_start, low_pass, stages_of

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
    if plan.loss.size:
        first = padded[plan.margin_in :][: plan.loss.shape[1]]
        lost = plan.loss[:length, : len(first)] @ first
        resampled[: len(lost)] -= lost
    return np.clip(resampled, -1.0, 1.0, out=resampled)


def _hops(needed: int) -> int:
    """Round up to four rows, which the FFT takes in the time of one and a half."""
    left_over = needed % _ROWS
    return needed + _ROWS - left_over if left_over > 1 else needed


def sox_length(frames: int, *, from_hz: int, to_hz: int) -> int:
    """Samples that SoX makes of so many: frames * to / from, halves up; its ratio of the rates is a rounded number."""
    return int(frames / (from_hz / to_hz) + 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Plan of resampling by one ratio."""

    block_in: int  # samples of a block before
    block_out: int  # samples of a block after
    margin_in: int  # of these, at either end, what wraps around
    margin_out: int  # the same after
    gain: NDArray[np.float32] = field(repr=False)  # of each bin of the smaller spectrum
    loss: NDArray[np.float32] = field(repr=False)  # of the first samples, see `loss_of_start`

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
    stages = stages_of(from_hz, to_hz)
    filtered = low_pass(stages, from_hz=from_hz, to_hz=to_hz)
    margin = math.ceil(filtered.half / filtered.density / min(unit_in, unit_out))  # no less than half the taps
    # Powers of two are fast, and margins may take an eighth of a block at most.
    size = 2 ** round(math.log2(_BLOCK / max(unit_in, unit_out)))
    units = max(size, 2 ** math.ceil(math.log2(16 * margin)))
    block_in, block_out = units * unit_in, units * unit_out
    bins = min(block_in, block_out) // 2 + 1
    gain = _response(filtered, block_in)[:bins] * (block_out / block_in)
    frequencies = np.arange(bins) / block_in  # in cycles per input sample
    for each, rate in later_filters(stages, from_hz=from_hz, to_hz=to_hz):
        gain *= each.gain(frequencies / rate)
    return _Plan(
        block_in=block_in,
        block_out=block_out,
        margin_in=margin * unit_in,
        margin_out=margin * unit_out,
        gain=gain.astype(np.float32),
        loss=loss_of_start(from_hz, to_hz).astype(np.float32),
    )


def _response(filtered: Sinc, size: int) -> NDArray[np.float64]:
    """Gain of the filter at the bins of a block.

    When a rate rises the block has the lower rate, whose spectrum the filter passes but for its edge.
    """
    times = np.arange(-filtered.reach, filtered.reach + 1)
    wrapped = np.zeros(size)
    taps = filtered(times.astype(np.float64))
    wrapped[times] = taps / taps.sum()
    gain: NDArray[np.float64] = rfft(wrapped).real
    return gain
