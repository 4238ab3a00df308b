"""Active speech level: the power of speech without its pauses (ITU-T P.56, method B).

The energy of the signal is divided by the time in which its envelope is above a threshold that lies
15.9 dB below the level so found. The envelope is |x| through two exponential filters of 30 ms, and
counts as above the threshold for another 200 ms, so that the gaps between words are speech.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.signal import cheby2, lfilter, sosfilt

Signal = NDArray[np.float64]

_TIME_CONSTANT_S = 0.03
_HANGOVER_S = 0.2
_MARGIN_DB = 15.9
_OCTAVES = 16  # of thresholds below the highest envelope; P.56 has 15 for 16-bit signals

_ORDER, _RIPPLE_DB, _STOP_DB = 5, 0.25, 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveLevel:
    """Mean `power` of speech while active, re full scale ±1 (0 for silence), and the share of time that is active."""

    power: float
    activity: float

    @property
    def level_db(self) -> float:
        """The power in dB; −inf if the signal is silent."""
        return 10.0 * float(np.log10(self.power)) if self.power > 0 else float("-inf")


def active_level(
    samples: NDArray[np.floating],
    sample_rate_hz: int,
    *,
    high_pass_hz: float | None = None,
    thresholds_per_octave: int = 1,
) -> ActiveLevel:
    """Active speech level as in ITU-T P.56 (12/2011), method B.

    With threshold c, a(c) samples are active and the level is A(c) = Σx² / a(c). The result is A where A(c) is 15.9 dB
    above c²; a is counted at a few thresholds, and between two of them A and c² are interpolated linearly in dB. If the
    condition holds at several thresholds, the highest one counts; if it holds at none, the one that comes nearest.

    The levels that were published for WSJ0 were made with MATLAB's VOICEBOX, which takes out what is below 200 Hz
    first, and has two thresholds in each octave: `active_level(x, 8000, high_pass_hz=200.0, thresholds_per_octave=2)`.

    Args:
        high_pass_hz: edge (−0.25 dB) of a fifth-order Chebyshev filter of type II with 50 dB in the stop band; None
            measures all frequencies.
        thresholds_per_octave: 1 puts the thresholds at powers of two, as P.56 does.
    """
    signal = np.asarray(samples, dtype=np.float64)
    if high_pass_hz is not None:
        signal = _high_pass(signal, high_pass_hz, sample_rate_hz)
    energy = float(np.sum(np.square(signal)))
    held = np.sort(_held_envelope(signal, sample_rate_hz))
    if energy <= 0 or held[-1] <= 0:
        return ActiveLevel(power=0.0, activity=0.0)
    top = np.floor(np.log2(held[-1]) * thresholds_per_octave)
    exponents = top - np.arange(_OCTAVES * thresholds_per_octave)
    thresholds = 2.0 ** (exponents / thresholds_per_octave)
    active = len(held) - np.searchsorted(held, thresholds)  # at least 1: the highest is reached
    level_db = _solve(10.0 * np.log10(energy / active), 20.0 * np.log10(thresholds))
    power = 10.0 ** (level_db / 10.0)
    return ActiveLevel(power=power, activity=energy / (power * len(signal)))


def _held_envelope(signal: Signal, sample_rate_hz: int) -> Signal:
    """Envelope [T], and the largest value of the last 200 ms in place of each value."""
    if not signal.size:
        return np.zeros(1)
    pole = np.exp(-1.0 / (_TIME_CONSTANT_S * sample_rate_hz))
    envelope = lfilter([(1.0 - pole) ** 2], [1.0, -2.0 * pole, pole**2], np.abs(signal))
    size = int(np.ceil(_HANGOVER_S * sample_rate_hz)) + 1
    # SciPy centres the window at half its size; this origin lets it end at the sample itself.
    held: Signal = maximum_filter1d(envelope, size, mode="constant", cval=0.0, origin=(size - 1) // 2)
    return held


def _solve(levels_db: Signal, thresholds_db: Signal) -> float:
    """The level at the highest point at which it is the margin above its threshold."""
    above = levels_db - thresholds_db - _MARGIN_DB
    crossings = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    if not crossings.size:
        return float(levels_db[0] if above[0] >= 0 else levels_db[-1])
    first = int(crossings[0])
    share = above[first] / (above[first] - above[first + 1])
    return float(levels_db[first] + share * (levels_db[first + 1] - levels_db[first]))


def _high_pass(signal: Signal, edge_hz: float, sample_rate_hz: int) -> Signal:
    """Chebyshev filter of type II that loses `_RIPPLE_DB` at the edge.

    |H|² = 1 / (1 + 1 / (ε² T²(w/v))) for a high pass whose stop band ends at v; with the edge at
    w = 1 this is solved for v: ε T(1/v) = 1 / sqrt(10^(ripple/10) − 1), T(x) = cosh(n arccosh x).
    """
    wanted = np.sqrt((10 ** (_STOP_DB / 10) - 1) / (10 ** (_RIPPLE_DB / 10) - 1))
    stop = 1.0 / np.cosh(np.arccosh(wanted) / _ORDER)
    # The bilinear transform maps w to tan(π f / rate).
    warped = np.arctan(stop * np.tan(np.pi * edge_hz / sample_rate_hz))
    stop_hz = sample_rate_hz / np.pi * warped
    sections = cheby2(_ORDER, _STOP_DB, stop_hz, "highpass", output="sos", fs=sample_rate_hz)
    filtered: Signal = sosfilt(sections, signal)
    return filtered
