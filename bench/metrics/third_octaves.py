"""What STOI compares: envelopes in third-octave bands, where the reference is not silent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

RATE_HZ = 10000
FRAME, HOP, FFT = 256, 128, 512
BANDS, LOWEST_HZ = 15, 150.0
RANGE_DB = 40.0
"""Frames of the reference that are further below the loudest one are left out."""
EPS = torch.finfo(torch.float64).eps
CPU_FRAMES, DEVICE_FRAMES = 256, 1 << 15
"""Frames of a transform: on a CPU so few that they stay in its caches."""
NEIGHBOURS = (0, 8, 12, 15)
"""Bands that are summed by one product of matrices: many narrow ones, or few wide ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoudFrames:
    """The frames in which the reference is not silent, N in all trials together, in order.

    Attributes:
        trial: [N] which trial a frame is of.
        place: [N] its number in the trial; a frame starts at sample 128 · place.
        counts: [B] frames of each trial.
    """

    trial: Tensor
    place: Tensor
    counts: Tensor

    @property
    def order(self) -> Tensor:
        """[N] number of a frame among those of its trial that are left."""
        before = self.counts.cumsum(dim=-1) - self.counts
        return torch.arange(len(self.trial), device=before.device) - before[self.trial]


def loud_frames(reference: Tensor, lengths: Tensor) -> LoudFrames:
    """Frames of a reference [B, T] at 10 kHz, of the lengths [B], within 40 dB of the loudest."""
    # pystoi has no frame that ends with the signal: frames start at 0, 128, ... < T − 256.
    frames = (lengths - FRAME + HOP - 1).clamp(min=0) // HOP
    most = int(frames.max())
    inside = torch.arange(most, device=reference.device) < frames[:, None]
    if most:
        halves = reference[:, : (most + 1) * HOP].reshape(len(frames), -1, HOP).square()
        energies = halves @ _windows(reference.device).square().mT
        energies = energies[:, :-1, 0] + energies[:, 1:, 1]
        levels = energies.sqrt_().add_(EPS).log10_().mul_(20.0)
        levels.masked_fill_(~inside, -torch.inf)
        inside &= levels.amax(dim=-1, keepdim=True) - RANGE_DB - levels < 0
    trial, place = inside.nonzero().unbind(dim=-1)
    return LoudFrames(trial=trial, place=place, counts=inside.sum(dim=-1))


def envelopes(pair: Tensor, loud: LoudFrames) -> tuple[Tensor, Tensor]:
    """Root energies of the bands in the transforms of frames that are left (Taal, equation 1).

    pystoi windows the frames that are left, overlaps them by half and adds them; the transforms
    are of windowed frames of the sum. So transform k is of frames k and k + 1 of a trial, and its
    last one, which has no frame after it, is arbitrary here.

    Args:
        pair: reference and estimate [2, B, T] at 10 kHz.
        loud: which frames are left.

    Returns:
        Two of [15, N].
    """
    signals = _Halves(pair, loud)
    size = CPU_FRAMES if pair.device.type == "cpu" else DEVICE_FRAMES
    energies = pair.new_empty(BANDS, len(signals.at))
    for start, frames in signals.windowed(size):
        spectra = torch.view_as_real(torch.fft.rfft(frames)).flatten(-2)
        squares = spectra.mul_(spectra).mT
        for group in _groups(pair.device):
            out = energies[group.bands, start : start + len(frames)]
            torch.mm(group.members, squares[group.values], out=out)
    reference, estimate = energies.sqrt_().chunk(2, dim=-1)
    return reference, estimate


class _Halves:
    """Half frames by their place in memory, for all frames that are left in both signals.

    Attributes:
        at: [2 N] where a frame starts, in units of the greatest step that leads to all of them.
    """

    def __init__(self, pair: Tensor, loud: LoudFrames) -> None:
        _, trials, length = pair.shape
        unit = math.gcd(length, HOP)
        row, self._hop = length // unit, HOP // unit
        at = loud.trial * row + loud.place * self._hop
        self.at = torch.cat([at, at + trials * row])
        self._samples, self._unit = pair.flatten(), unit
        new = loud.trial.diff(prepend=loud.trial[:1] - 1) != 0
        gap = new | (loud.place.diff(prepend=loud.place[:1]) != 1)
        self._new = new.repeat(2)
        self._broken = (gap | gap.roll(-1)).repeat(2).nonzero()[:, 0]

    def windowed(self, size: int) -> Iterator[tuple[int, Tensor]]:
        """Windowed frames of the sum, so many at a time, followed by as many zeros.

        Where a frame, the one before and the one after it follow each other also in the signal,
        the windows of all steps are one.
        """
        rising, falling = _windows(self.at.device)
        window = torch.cat([rising, falling]) * (rising + falling).repeat(2)
        whole = self._samples.unfold(0, FRAME, self._unit)
        padded = whole.new_zeros(min(size, len(self.at)), FFT)
        gathered = whole.new_empty(len(padded), FRAME)
        starts = range(0, len(self.at), size)
        ends = torch.tensor(starts[1:], dtype=torch.long, device=self.at.device)
        splits = torch.searchsorted(self._broken, ends).tolist()
        broken = self._broken.tensor_split(splits)
        overlapped = self._overlapped(self._broken).tensor_split(splits)
        for start, places, repaired in zip(starts, broken, overlapped, strict=True):
            at = self.at[start : start + size]
            frames, found = padded[: len(at), :FRAME], gathered[: len(at)]
            torch.mul(torch.index_select(whole, 0, at, out=found), window, out=frames)
            frames.index_copy_(0, places - start, repaired)
            yield start, padded[: len(at)]

    def _overlapped(self, places: Tensor) -> Tensor:
        """Windowed frames [n, 256] of the sum, at places [n] with a gap before or after them."""
        rising, falling = _windows(self.at.device)
        halves = self._samples.unfold(0, HOP, self._unit)
        at = self.at[places]
        before = halves[self.at[places - 1] + self._hop] * ~self._new[places, None]
        after = halves[self.at[(places + 1) % len(self.at)]]
        first = halves[at] * rising + before * falling
        second = after * rising + halves[at + self._hop] * falling
        return torch.cat([first * rising, second * falling], dim=-1)


@lru_cache(maxsize=4)
def _windows(device: torch.device) -> Tensor:
    """The rising and the falling half [2, 128] of Hann's window of 258 points without its zeros."""
    window = torch.hann_window(FRAME + 2, periodic=False, dtype=torch.float64, device=device)
    return window[1:-1].reshape(2, HOP).clone()


@dataclass(frozen=True, slots=True)
class _Group:
    """Neighbouring bands, the real and imaginary parts of their bins, and which is whose."""

    bands: slice
    values: slice
    members: Tensor


@lru_cache(maxsize=4)
def _groups(device: torch.device) -> tuple[_Group, ...]:
    """All bands; each is a third of an octave wide, with its edges at the nearest bins."""
    bins = np.linspace(0, RATE_HZ, FFT + 1)[: FFT // 2 + 1]
    wanted = LOWEST_HZ * np.exp2((2.0 * np.arange(BANDS + 1) - 1.0) / 6.0)
    edges = np.abs(bins - wanted[:, None]).argmin(axis=-1)
    groups = []
    for first, last in pairwise(NEIGHBOURS):
        places = np.arange(edges[first], edges[last]).repeat(2)
        inside = (places >= edges[first:last, None]) & (places < edges[first + 1 : last + 1, None])
        members = torch.from_numpy(inside.astype(np.float64)).to(device)
        values = slice(2 * int(edges[first]), 2 * int(edges[last]))
        groups.append(_Group(slice(first, last), values, members))
    return tuple(groups)
