"""Waveforms and spectrograms of the players, small enough for many on one page."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

WIDTH = 560  # pictures are drawn for this many pixels, and stretched by the page
_WINDOW_S = 0.032
_ROWS = 128
_RANGE_DB = 70.0
_LEVELS = 48  # grey levels: as many as the eye can distinguish, and a third of the bytes


def waveform_path(samples: Samples, *, peak: float, width: int = WIDTH // 2) -> str:
    """An SVG path of the lowest and highest of samples [T] in each of `width` stretches.

    It is closed, in a box from (0, −1) to (width, 1), whose height `peak` fills; "" without samples.
    """
    if not len(samples):
        return ""
    count = min(width, len(samples))
    ends = np.linspace(0, len(samples), count + 1).astype(int)
    scale = 1.0 / peak if peak > 0 else 0.0
    top = np.maximum.reduceat(samples, ends[:-1]) * scale
    bottom = np.minimum.reduceat(samples, ends[:-1]) * scale
    step = width / count
    upper = [f"{i * step:.4g} {-y:.2f}" for i, y in enumerate(np.clip(top, -1.0, 1.0))]
    lower = [f"{i * step:.4g} {-y:.2f}" for i, y in enumerate(np.clip(bottom, -1.0, 1.0))]
    return f"M{'L'.join([*upper, *lower[::-1]])}Z"


def power(samples: Samples, *, sample_rate_hz: int) -> NDArray[np.float64]:
    """Power spectrogram [F, N] of samples [T] with a Hann window of 32 ms, about one frame for each pixel.

    The picture of it goes from 0 Hz to half the sample rate, and from the first sample to the last.
    """
    from scipy import signal  # noqa: PLC0415 - slow to import, and needed for players alone

    window = max(16, round(_WINDOW_S * sample_rate_hz))
    hop = max(1, min(window // 2, math.ceil(len(samples) / WIDTH)))
    padded = np.pad(samples.astype(np.float64), (0, max(0, window - len(samples))))
    frames = signal.ShortTimeFFT(signal.windows.hann(window, sym=False), hop, sample_rate_hz)
    found: NDArray[np.float64] = frames.spectrogram(padded, p0=0, p1=math.ceil(len(padded) / hop))
    return _fewer_rows(found[:-1])  # the bin at half the sample rate has no row of its own


def spectrogram_png(found: NDArray[np.float64], *, top: float) -> bytes:
    """A grey PNG of a power spectrogram [F, N]: black is 70 dB below `top` or less; high frequencies above.

    White is the power `top`, common to all pictures that are compared.
    """
    from PIL import Image  # noqa: PLC0415 - slow to import, and needed for players alone

    floor = top * 10.0 ** (-_RANGE_DB / 10.0) if top > 0 else 1.0
    level_db = 10.0 * np.log10(np.maximum(found, floor) / floor)
    shades = np.round(np.clip(level_db / _RANGE_DB, 0.0, 1.0) * (_LEVELS - 1))
    grey = (shades * (255.0 / (_LEVELS - 1))).astype(np.uint8)[::-1]
    content = io.BytesIO()
    Image.fromarray(grey).save(content, "PNG", optimize=True)
    return content.getvalue()


def _fewer_rows(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most `_ROWS` rows of equal height: neighbours are joined by their largest power."""
    if len(found) <= _ROWS:
        return found
    starts = np.linspace(0, len(found), _ROWS, endpoint=False).astype(int)
    largest: NDArray[np.float64] = np.maximum.reduceat(found, starts, axis=0)
    return largest
