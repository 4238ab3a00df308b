"""Envelopes in third-octave bands that STOI compares, where the reference is not silent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from ....core.arrays import Array, empty, namespace, on_cpu, placed, real_parts, windows, zeros

RATE_HZ = 10000
FRAME, HOP, FFT = 256, 128, 512
BANDS, LOWEST_HZ = 15, 150.0
RANGE_DB = 40.0
"""Frames of the reference that are further below the loudest one are left out."""
EPS = float(np.finfo(np.float64).eps)
CPU_FRAMES, DEVICE_FRAMES = 480, 1 << 15
"""Frames of a transform: on a CPU so few that they stay in its caches."""
NEIGHBOURS = (0, 8, 12, 13, 14, 15)
"""Bands that a CPU sums by one product of matrices: many narrow ones, or a wide one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoudFrames:
    """The frames in which the reference is not silent, N in all trials together, in order.

    Attributes:
        trial: [N] which trial a frame is of.
        place: [N] its number in the trial; a frame starts at sample 128 · place.
        counts: [B] frames of each trial.
        most: frames P of the longest trial, also the silent ones.
    """

    trial: Array
    place: Array
    counts: Array
    most: int

    @property
    def new(self) -> Array:
        """[N] which frames are the first of their trial."""
        return namespace(self.trial).diff(self.trial, prepend=self.trial[:1] - 1) != 0

    @property
    def broken(self) -> Array:
        """Numbers of the frames that do not follow one in the signal, or are not followed."""
        xp = namespace(self.place)
        gap = self.new | (xp.diff(self.place, prepend=self.place[:1]) != 1)
        return xp.where(gap | xp.roll(gap, -1))[0]

    @property
    def order(self) -> Array:
        """[N] number of a frame among those of its trial that are left."""
        xp = namespace(self.counts)
        before = xp.cumsum(self.counts, axis=-1) - self.counts
        return xp.arange(len(self.trial), device=before.device) - before[self.trial]


def loud_frames(reference: Array, lengths: Array) -> LoudFrames:
    """Frames of a reference [B, T] at 10 kHz, of the lengths [B], within 40 dB of the loudest."""
    # pystoi has no frame that ends with the signal: frames start at 0, 128, ... < T − 256.
    xp = namespace(reference)
    frames = xp.clip(lengths - FRAME + HOP - 1, 0, None) // HOP
    most = int(frames.max())
    inside = xp.arange(most, device=reference.device) < frames[:, None]
    if most:
        halves = xp.square(reference[:, : (most + 1) * HOP].reshape(len(frames), -1, HOP))
        energies = halves @ xp.square(_windows(reference.device)).T
        energies = energies[:, :-1, 0] + energies[:, 1:, 1]
        levels = 20.0 * xp.log10(xp.sqrt(energies) + EPS)
        levels = xp.where(inside, levels, -xp.inf)
        inside &= xp.amax(levels, axis=-1, keepdims=True) - RANGE_DB - levels < 0
    trial, place = xp.where(inside)
    return LoudFrames(trial=trial, place=place, counts=xp.sum(inside, axis=-1), most=most)


def envelopes(pair: Array, loud: LoudFrames) -> tuple[Array, Array]:
    """Root energies of the bands in the transforms of frames that are left (Taal, equation 1).

    pystoi windows the frames that are left, overlaps them by half and adds them; the transforms are of windowed frames
    of the sum. So transform k is of frames k and k + 1 of a trial, and its last one, which has no frame after it, is
    arbitrary here.

    Where a frame, the one before and the one after it follow each other also in the signal, the windows of all steps
    are one. So all frames are taken as if they did, from where they lie, and those next to a gap once more.

    Args:
        pair: reference and estimate [2, B, T] at 10 kHz, contiguous.
        loud: which frames are left.

    Returns:
        Two of [15, N].
    """
    xp = namespace(pair)
    rising, falling = _windows(pair.device)
    window = xp.concatenate([rising, falling]) * xp.concatenate([rising + falling] * 2)
    count, (_, trials, frames) = len(loud.trial), pair.shape
    size = min(CPU_FRAMES if on_cpu(pair) else DEVICE_FRAMES, count)
    energies, padded = empty(pair, BANDS, 2, count), zeros(pair, size, FFT)
    for start in range(0, count, max(1, size)):
        part = slice(start, min(start + size, count))
        spectra = padded[: part.stop - start]
        for role, signals in enumerate(pair):
            every = windows(signals, (trials, max(loud.most, 1), FRAME), (frames, HOP, 1))
            xp.multiply(every[loud.trial[part], loud.place[part]], window, out=spectra[:, :FRAME])
            _add_up(spectra, energies[:, role, part])
    _repair(energies, pair, loud)
    xp.sqrt(energies, out=energies)
    return energies[:, 0], energies[:, 1]


def _add_up(frames: Array, energies: Array) -> None:
    """Energies of the bands [15, n] in the transforms of frames [n, 512]."""
    xp = namespace(frames)
    squares = real_parts(xp.fft.rfft(frames))
    squares *= squares
    for group in _groups(frames.device):
        xp.matmul(group.members, squares.T[group.values], out=energies[group.bands])


def _repair(energies: Array, pair: Array, loud: LoudFrames) -> None:
    """Replace the energies [15, 2, N] of the frames that have a gap before or after them."""
    size = CPU_FRAMES if on_cpu(pair) else DEVICE_FRAMES
    broken = loud.broken
    for start in range(0, len(broken), size):
        places = broken[start : start + size]
        frames = zeros(pair, 2, len(places), FFT)
        _overlap(pair, loud, places, out=frames[..., :FRAME].reshape(2, -1, 2, HOP))
        repaired = empty(pair, BANDS, 2 * len(places))
        _add_up(frames.reshape(-1, FFT), repaired)
        energies[..., places] = repaired.reshape(BANDS, 2, -1)


def _overlap(pair: Array, loud: LoudFrames, places: Array, *, out: Array) -> None:
    """Windowed frames [2, n, 2, 128] of the sum of frames, by their numbers [n], in halves."""
    xp = namespace(pair)
    rising, falling = _windows(pair.device)
    last = len(loud.trial) - 1
    # Each frame with the one before and the one after it.
    numbers = xp.clip(xp.stack([places, places - 1, places + 1], axis=-1), 0, last)
    rows = pair[..., : (loud.most + 1) * HOP].reshape(2, pair.shape[1], -1, HOP)
    trial, place = loud.trial[numbers], loud.place[numbers]
    place[:, 1] += 1  # of the one before, its second half
    own, before, after = (rows[:, trial[:, turn], place[:, turn]] for turn in range(3))
    second = rows[:, trial[:, 0], place[:, 0] + 1]
    before = before * ~loud.new[places, None]
    xp.multiply(own * rising + before * falling, rising, out=out[:, :, 0])
    xp.multiply(after * rising + second * falling, falling, out=out[:, :, 1])


@lru_cache(maxsize=4)
def _windows(device: Any) -> Array:
    """The rising and the falling half [2, 128] of Hann's window of 258 points without its zeros."""
    return placed(np.hanning(FRAME + 2)[1:-1].reshape(2, HOP), device)


@dataclass(frozen=True, slots=True)
class _BandGroup:
    """Neighbouring bands, the real and imaginary parts of their bins, and which bin belongs to which band."""

    bands: slice
    values: slice
    members: Array


@lru_cache(maxsize=4)
def _groups(device: Any) -> tuple[_BandGroup, ...]:
    """All bands; each is a third of an octave wide, with its edges at the nearest bins."""
    bins = np.linspace(0, RATE_HZ, FFT + 1)[: FFT // 2 + 1]
    wanted = LOWEST_HZ * np.exp2((2.0 * np.arange(BANDS + 1) - 1.0) / 6.0)
    edges = np.abs(bins - wanted[:, None]).argmin(axis=-1)
    groups = []
    for first, last in pairwise(NEIGHBOURS if "cpu" in str(device) else (0, BANDS)):
        places = np.arange(edges[first], edges[last]).repeat(2)
        inside = (places >= edges[first:last, None]) & (places < edges[first + 1 : last + 1, None])
        members = placed(inside.astype(np.float64), device)
        values = slice(2 * int(edges[first]), 2 * int(edges[last]))
        groups.append(_BandGroup(slice(first, last), values, members))
    return tuple(groups)
