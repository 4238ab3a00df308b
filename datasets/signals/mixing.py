"""The arithmetic of mixing: gains, levels, loudness, fades, overlap, peak. Signals are mono [T]."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DatasetError

if TYPE_CHECKING:
    import pyloudnorm

Samples = NDArray[np.float32]
LevelScale = Literal["lufs", "power"]

LUFS_FLOOR = -70.0
SILENT_DB = -80.0
"""Mean power re full scale at or below which a source counts as silent, and is no target."""

_LOUDNESS_BLOCK_S = 0.5
_MAX_DB = 700.0  # of a gain that float32 holds

# pyloudnorm switches warnings off and on again, which only one thread may do at a time.
_METER_LOCK = Lock()


def db_to_gain(level_db: float) -> float:
    """Linear amplitude factor of a level in dB: 10^(level/20)."""
    if level_db > _MAX_DB:
        raise DatasetError(f"a level of {level_db:.6g} dB is above {_MAX_DB:.0f} dB; correct it")
    return float(10.0 ** (level_db / 20.0))


def round_gain(gain: float) -> float:
    """A gain with six significant digits (within 4.4e-5 dB).

    Recipes are compared by hash; the last bits of a measured level differ between processors.
    """
    return float(f"{gain:.6g}")


def power_db(samples: Samples) -> float:
    """Mean power in dB re full scale, 10 log10(mean x²); −inf for silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return 10.0 * float(np.log10(power)) if power > 0 else float("-inf")


def loudness_lufs(samples: Samples, sample_rate_hz: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4, gated), at least `LUFS_FLOOR`.

    Signals under 0.5 s are tiled to that length, as Scaper does, since a gating block is 0.4 s.
    """
    if not samples.any():
        return LUFS_FLOOR
    shortest = int(np.ceil(_LOUDNESS_BLOCK_S * sample_rate_hz))
    if len(samples) < shortest:
        samples = np.tile(samples, -(-shortest // len(samples)))[:shortest]
    with _METER_LOCK:
        loudness = _meter(sample_rate_hz).integrated_loudness(samples.astype(np.float64))
    return max(float(loudness), LUFS_FLOOR) if np.isfinite(loudness) else LUFS_FLOOR


def level_db(samples: Samples, sample_rate_hz: int, *, scale: LevelScale) -> float:
    """Level of a signal on the chosen scale: LUFS, or mean power in dB."""
    return loudness_lufs(samples, sample_rate_hz) if scale == "lufs" else power_db(samples)


def snr_gain(*, signal: Samples, noise: Samples, snr_db: float) -> float:
    """Factor for `noise` that makes the power ratio of signal to noise `snr_db`."""
    gain_db = power_db(signal) - power_db(noise) - snr_db
    if not np.isfinite(gain_db):
        raise DatasetError("an SNR needs two signals that are not silent; one of them is")
    return db_to_gain(gain_db)


def fade_ends(samples: Samples, length: int) -> Samples:
    """Raised-cosine fade over `length` samples (at most half the signal) at both ends."""
    length = min(length, len(samples) // 2)
    if length <= 0:
        return samples
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    faded = samples.copy()
    faded[:length] *= ramp.astype(np.float32)
    faded[-length:] *= ramp[::-1].astype(np.float32)
    return faded


def place(samples: Samples, *, onset: int, length: int) -> Samples:
    """A signal of `length` zeros with `samples` from `onset` (may be negative) on; the excess is cut."""
    placed = np.zeros(length, dtype=np.float32)
    start, stop = max(onset, 0), min(onset + len(samples), length)
    if start < stop:
        placed[start:stop] = samples[start - onset : stop - onset]
    return placed


def overlap_onsets(lengths: Sequence[int], ratio: float) -> list[int]:
    """Onsets at which each signal overlaps the previous one by `ratio` (0 to 1) of the shorter of the two."""
    onsets = [0]
    for before, length in pairwise(lengths):
        end = onsets[-1] + before
        onsets.append(max(0, end - round(ratio * min(before, length))))
    return onsets


def peak_gain(signals: Sequence[Samples], peak: float) -> float:
    """Factor that brings the largest magnitude of all signals down to `peak`; 1 if it is lower."""
    largest = max(float(np.abs(signal).max(initial=0.0)) for signal in signals)
    return peak / largest if largest > peak else 1.0


@lru_cache(maxsize=8)
def _meter(sample_rate_hz: int) -> pyloudnorm.Meter:
    import pyloudnorm  # noqa: PLC0415 - imports scipy.signal, which scoring files does not need

    return pyloudnorm.Meter(sample_rate_hz)
