"""Mel spectra as published models take them: those of librosa, and those of Kaldi.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

P808_RATE_HZ = 16000
_P808_FFT, _P808_HOP, _P808_MELS = 321, 160, 120
_POWER_FLOOR = 1e-10
_RANGE_DB = 80.0

_FRAME_S, _HOP_S = 0.025, 0.01
_PRE_EMPHASIS = 0.97
_LOWEST_HZ = 20.0
_PCM_SCALE = 32768.0  # Kaldi takes samples as 16-bit numbers
_ENERGY_FLOOR = float(np.finfo(np.float32).eps)


def p808_features(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Input of the P.808 model of DNSMOS: a mel spectrum in dB below its own maximum.

    As `librosa` 0.9 and later: frames of 321 samples centred on every 160th, zeros beyond the ends, a periodic Hann
    window, power, 120 Slaney filters; then (dB + 40) / 40, where dB is 0 at the maximum and not below −80. Turns [T] at
    16 kHz into [1 + (T − 1) // 160, 120], from −1 to 1.
    """
    padded = np.pad(signal.astype(np.float64), _P808_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _P808_FFT)[::_P808_HOP]
    window = np.hanning(_P808_FFT + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    filters = slaney_filters(_P808_MELS, n_fft=_P808_FFT, sample_rate_hz=P808_RATE_HZ)
    level_db = 10.0 * np.log10(np.maximum(power @ filters.T, _POWER_FLOOR))
    relative_db = np.maximum(level_db - level_db.max(), -_RANGE_DB)
    return np.asarray((relative_db + 40.0) / 40.0, dtype=np.float32)


@lru_cache(maxsize=4)
def slaney_filters(n_mels: int, *, n_fft: int, sample_rate_hz: int, highest_hz: float | None = None) -> FloatArray:
    """[n_mels, n_fft // 2 + 1] triangles of equal area on the mel scale of Slaney's Auditory Toolbox (1998).

    The scale is linear up to 1 kHz (15 mels of 66⅔ Hz), and logarithmic above (27 mels for a factor of 6.4). Triangles
    reach from 0 Hz to `highest_hz`, above 1 kHz, or to half the rate, and have an area of 1 Hz.
    """
    top = 15.0 + np.log((highest_hz or sample_rate_hz / 2.0) / 1000.0) * 27.0 / np.log(6.4)
    mels = np.linspace(0.0, top, n_mels + 2)
    above = 1000.0 * np.exp((mels - 15.0) * np.log(6.4) / 27.0)
    corners_hz = np.where(mels < 15.0, mels * 200.0 / 3.0, above)
    bins_hz = np.arange(n_fft // 2 + 1) * sample_rate_hz / n_fft
    heights = 2.0 / (corners_hz[2:] - corners_hz[:-2])
    return _triangles(corners_hz, bins_hz) * heights[:, None]


def kaldi_fbank(signal: NDArray[np.float32], *, n_mels: int, sample_rate_hz: int) -> NDArray[np.float32]:
    """Kaldi's log mel spectrum as WeSpeaker's ONNX models take it, its mean over time removed.

    Frames of 25 ms every 10 ms inside the signal, their mean removed, pre-emphasis of 0.97, Hamming window, zeros up to
    a power of two, power, triangles on the mel scale 1127 ln(1 + f / 700) from 20 Hz to half the rate, natural
    logarithm. There is no dither, so that the value is the same every time.

    Turns [T], full scale ±1, at least 1 kHz, into [1 + (T − 25 ms) // 10 ms, n_mels]; a shorter signal has no frames.
    """
    length, hop = int(sample_rate_hz * _FRAME_S), int(sample_rate_hz * _HOP_S)
    if len(signal) < length:
        return np.zeros((0, n_mels), dtype=np.float32)
    scaled = signal.astype(np.float64) * _PCM_SCALE
    frames = np.lib.stride_tricks.sliding_window_view(scaled, length)[::hop]
    frames = frames - frames.mean(axis=1, keepdims=True)
    # The first sample of a frame has no other before it than itself.
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    frames = (frames - _PRE_EMPHASIS * before) * np.hamming(length)
    n_fft = 1 << (length - 1).bit_length()
    power = np.abs(np.fft.rfft(frames, n=n_fft)) ** 2
    filters = _kaldi_filters(n_mels, n_fft=n_fft, sample_rate_hz=sample_rate_hz)
    levels = np.log(np.maximum(power @ filters.T, _ENERGY_FLOOR))
    return np.asarray(levels - levels.mean(axis=0), dtype=np.float32)


@lru_cache(maxsize=4)
def _kaldi_filters(n_mels: int, *, n_fft: int, sample_rate_hz: int) -> FloatArray:
    """[n_mels, n_fft // 2 + 1] triangles of height 1, straight on the mel scale."""
    bins_hz = np.arange(n_fft // 2 + 1) * sample_rate_hz / n_fft
    low, high = (1127.0 * np.log1p(f / 700.0) for f in (_LOWEST_HZ, sample_rate_hz / 2.0))
    return _triangles(np.linspace(low, high, n_mels + 2), 1127.0 * np.log1p(bins_hz / 700.0))


def _triangles(corners: FloatArray, points: FloatArray) -> FloatArray:
    """[M, P] triangles of height 1 over each three neighbours of [M + 2] corners, at points [P]."""
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (points - left) / (middle - left)
    falling = (right - points) / (right - middle)
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))
