"""Oscillators, resonators, noises and envelopes that the sound recipes are made of.

Every signal is float64 [T] at `RATE_HZ`; `length` is in samples, onsets are sample numbers below `length`, and every
random draw comes from the given generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy import fft, signal
from scipy.interpolate import CubicSpline

RATE_HZ = 16_000

Signal = NDArray[np.float64]
Frames = NDArray[np.int64]
Recipe = Callable[[Generator, int], Signal]
"""Makes one recording of a class: generator and length in samples to [T], of any level."""

_TABLE_SIZE = 4096
_TOP_HZ = 7600.0
_CONTROL_STEP = 16


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """A draw whose logarithm is uniform: the natural choice for pitches and times."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def seconds(duration_s: float) -> int:
    """Samples in a duration, at least one."""
    return max(1, round(duration_s * RATE_HZ))


def decay(length: int, t60_s: float) -> Signal:
    """An exponential that falls by 60 dB in `t60_s`."""
    return np.asarray(10.0 ** (-3.0 * np.arange(length) / (RATE_HZ * t60_s)))


def hump(length: int, rise: float, fall: float) -> Signal:
    """A raised-cosine rise and fall around a flat top; both are shares of the length, 0 to 1."""
    place = (np.arange(length) + 0.5) / length
    up = np.clip(place / max(rise, 1e-9), 0.0, 1.0)
    down = np.clip((1.0 - place) / max(fall, 1e-9), 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * up) ** 2 * np.sin(0.5 * np.pi * down) ** 2)


def wander(rng: Generator, length: int, rate_hz: float) -> Signal:
    """A smooth random curve of about unit deviation that turns `rate_hz` times a second."""
    knots = max(4, int(length / RATE_HZ * rate_hz) + 3)
    curve = CubicSpline(np.arange(knots), rng.standard_normal(knots))
    # The spline at 1 kHz, then linear interpolation: ten times faster and audibly as smooth.
    coarse = np.linspace(0.0, knots - 1.0, length // _CONTROL_STEP + 2)
    steps = np.linspace(0.0, knots - 1.0, length)
    return np.asarray(np.interp(steps, coarse, curve(coarse)))


def phase(frequency_hz: ArrayLike, length: int, start: float = 0.0) -> Signal:
    """Running phase in cycles of a constant or moving frequency."""
    curve = np.broadcast_to(np.asarray(frequency_hz, dtype=np.float64), (length,))
    return start + np.cumsum(curve) / RATE_HZ


def tone(frequency_hz: ArrayLike, length: int, start: float = 0.0) -> Signal:
    """A sine of constant or moving frequency."""
    return np.asarray(np.sin(2.0 * np.pi * phase(frequency_hz, length, start)))


def harmonics(f0_hz: ArrayLike, length: int, amplitudes: ArrayLike, start: float = 0.0) -> Signal:
    """Harmonics of a moving fundamental, by one look-up in a table of a single period.

    Args:
        f0_hz: constant or [T]; harmonics that would pass 7.6 kHz anywhere are left out.
        amplitudes: [H], of the first harmonic and up.
        start: phase in cycles.
    """
    strengths = np.asarray(amplitudes, dtype=np.float64)
    count = min(len(strengths), int(_TOP_HZ / float(np.max(f0_hz))))
    spectrum = np.zeros(_TABLE_SIZE // 2 + 1, dtype=np.complex128)
    spectrum[1 : count + 1] = -0.5j * _TABLE_SIZE * strengths[:count]
    table = fft.irfft(spectrum)
    place = (phase(f0_hz, length, start) % 1.0) * _TABLE_SIZE
    left = place.astype(np.int64)
    share = place - left
    return np.asarray(table[left % _TABLE_SIZE] * (1.0 - share) + table[(left + 1) % _TABLE_SIZE] * share)


def noise(rng: Generator, length: int, gain: Callable[[Signal], Signal] | None = None) -> Signal:
    """Gaussian noise of unit deviation, coloured by a gain over frequency in Hz (zero phase)."""
    white = rng.standard_normal(length)
    if gain is None:
        return white
    size = fft.next_fast_len(length, real=True)
    spectrum = fft.rfft(white, size)
    spectrum *= gain(np.arange(len(spectrum)) * (RATE_HZ / size))
    coloured = fft.irfft(spectrum, size)[:length]
    return np.asarray(coloured / (np.std(coloured) + 1e-12))


def band(low_hz: float, high_hz: float, order: int = 2) -> Callable[[Signal], Signal]:
    """Gain over frequency of a Butterworth-like band."""

    def gain(frequency_hz: Signal) -> Signal:
        safe = np.maximum(frequency_hz, 1e-3)
        lower = (low_hz / safe) ** (2 * order)
        upper = (safe / high_hz) ** (2 * order)
        return np.asarray(1.0 / np.sqrt((1.0 + lower) * (1.0 + upper)))

    return gain


def ring(excitation: Signal, frequency_hz: float, t60_s: float) -> Signal:
    """A struck mode: two-pole resonator whose impulse response is a unit damped sine."""
    radius = 10.0 ** (-3.0 / (RATE_HZ * t60_s))
    angle = 2.0 * np.pi * frequency_hz / RATE_HZ
    top = [0.0, radius * np.sin(angle)]
    bottom = [1.0, -2.0 * radius * np.cos(angle), radius * radius]
    return np.asarray(signal.lfilter(top, bottom, excitation))


def formants(source: Signal, peaks: Sequence[tuple[float, float, float]]) -> Signal:
    """Parallel resonances with peaks (centre in Hz, bandwidth in Hz, linear gain at the centre)."""
    total = np.zeros_like(source)
    for centre_hz, bandwidth_hz, gain in peaks:
        top, bottom = signal.iirpeak(centre_hz, centre_hz / bandwidth_hz, fs=RATE_HZ)
        total += gain * signal.lfilter(top, bottom, source)
    return total


def beats(rng: Generator, length: int, rate_hz: float, jitter: float) -> Frames:
    """Onsets of a regular beat; jitter is the standard deviation of an onset as a share of the period."""
    period = RATE_HZ / rate_hz
    count = max(1, int(np.ceil(length / period)))
    steps = np.arange(count) + jitter * rng.standard_normal(count)
    start = rng.uniform(0.05, 0.3) * min(period, 0.5 * RATE_HZ)
    onsets = np.sort((start + steps * period).clip(0.0).astype(np.int64))
    return np.asarray(onsets[onsets < length])


def groups(rng: Generator, length: int, rate_hz: float, size: tuple[int, int], pause_s: tuple[float, float]) -> Frames:
    """Onsets in groups of beats at `rate_hz`, with a pause after each; size and pause are (least, most)."""
    onsets: list[float] = []
    now_s = float(rng.uniform(0.0, 0.15))
    while now_s * RATE_HZ < length:
        for _ in range(int(rng.integers(size[0], size[1] + 1))):
            onsets.append(now_s)
            now_s += float(rng.normal(1.0, 0.04)) / rate_hz
        now_s += float(rng.uniform(*pause_s))
    frames = (np.asarray(onsets) * RATE_HZ).astype(np.int64)
    return np.asarray(frames[frames < length])


def scatter(rng: Generator, length: int, rate_hz: float) -> Frames:
    """Onsets of a Poisson process, at least one."""
    count = max(1, int(rng.poisson(rate_hz * length / RATE_HZ)))
    return np.sort(rng.integers(0, length, count))


def impulses(length: int, onsets: Frames, gains: ArrayLike) -> Signal:
    """A train of impulses."""
    train = np.zeros(length)
    np.add.at(train, onsets, np.broadcast_to(np.asarray(gains, dtype=np.float64), onsets.shape))
    return train


def place(length: int, onsets: Frames, make: Callable[[int], Signal]) -> Signal:
    """The sum of the events `make(0)`, `make(1)`, ... at the onsets, cut at the end."""
    total = np.zeros(length)
    for number, onset in enumerate(onsets):
        event = make(number)[: length - onset]
        total[onset : onset + len(event)] += event
    return total
