"""Envelopes in third-octave bands that STOI compares, where the reference is not silent."""

from __future__ import annotations

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

    trial: Tensor
    place: Tensor
    counts: Tensor
    most: int

    @property
    def flat(self) -> Tensor:
        """[N] number of a frame, P for each trial."""
        return self.trial * self.most + self.place

    @property
    def new(self) -> Tensor:
        """[N] which frames are the first of their trial."""
        return self.trial.diff(prepend=self.trial[:1] - 1) != 0

    @property
    def broken(self) -> Tensor:
        """Numbers of the frames that do not follow one in the signal, or are not followed."""
        gap = self.new | (self.place.diff(prepend=self.place[:1]) != 1)
        return (gap | gap.roll(-1)).nonzero()[:, 0]

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
    return LoudFrames(trial=trial, place=place, counts=inside.sum(dim=-1), most=most)


def envelopes(pair: Tensor, loud: LoudFrames) -> tuple[Tensor, Tensor]:
    """Root energies of the bands in the transforms of frames that are left (Taal, equation 1).

    pystoi windows the frames that are left, overlaps them by half and adds them; the transforms are of windowed frames
    of the sum. So transform k is of frames k and k + 1 of a trial, and its last one, which has no frame after it, is
    arbitrary here.

    Where a frame, the one before and the one after it follow each other also in the signal, the windows of all steps
    are one. So all frames are taken as if they did, from where they lie, and those next to a gap once more.

    Args:
        pair: reference and estimate [2, B, T] at 10 kHz.
        loud: which frames are left.

    Returns:
        Two of [15, N].
    """
    rising, falling = _windows(pair.device)
    window = torch.cat([rising, falling]) * (rising + falling).repeat(2)
    energies = pair.new_empty(BANDS, 2, pair.shape[1] * loud.most)
    blocks = _blocks(pair, loud)
    padded = pair.new_zeros(max((block.count for block in blocks), default=0), FFT)
    for block in blocks:
        frames = padded[: block.count]
        columns = slice(block.start, block.start + block.count)
        for role, signals in enumerate(pair):
            torch.mul(block.of(signals), window, out=block.shaped(frames))
            _add_up(frames, energies[:, role, columns])
    chosen = energies.index_select(-1, loud.flat)
    _repair(chosen, pair, loud)
    reference, estimate = chosen.sqrt_().unbind(dim=1)
    return reference, estimate


@dataclass(frozen=True, slots=True)
class _Block:
    """Frames of some places in some trials: all places, or those of one trial."""

    trials: range
    places: range
    most: int

    @property
    def start(self) -> int:
        """Number of the first frame, P for each trial."""
        return self.trials.start * self.most + self.places.start

    @property
    def count(self) -> int:
        return len(self.trials) * len(self.places)

    def of(self, signals: Tensor) -> Tensor:
        """These frames [b, p, 256] of signals [B, T], where they lie."""
        rows = signals[self.trials.start : self.trials.stop, self.places.start * HOP :]
        shape = (len(self.trials), len(self.places), FRAME)
        return rows.as_strided(shape, (rows.stride(0), HOP, 1))

    def shaped(self, frames: Tensor) -> Tensor:
        """The part [b, p, 256] before the zeros of padded frames [b p, 512]."""
        return frames.view(len(self.trials), len(self.places), FFT)[..., :FRAME]


def _blocks(pair: Tensor, loud: LoudFrames) -> list[_Block]:
    """Blocks of at most so many frames that have any that is left."""
    if not len(loud.trial):
        return []
    most, trials = loud.most, pair.shape[1]
    size = CPU_FRAMES if pair.device.type == "cpu" else DEVICE_FRAMES
    rows = max(1, size // most)
    columns = -(-most // -(-most // size))
    blocks = [
        _Block(range(row, min(row + rows, trials)), range(place, min(place + columns, most)), most)
        for row in range(0, trials, rows)
        for place in range(0, most, columns)
    ]
    starts = torch.tensor([block.start for block in blocks[1:]], device=pair.device)
    before = [0, *torch.searchsorted(loud.flat, starts).tolist(), len(loud.trial)]
    return [block for block, (one, other) in zip(blocks, pairwise(before), strict=True) if other > one]


def _add_up(frames: Tensor, energies: Tensor) -> None:
    """Energies of the bands [15, n] in the transforms of frames [n, 512]."""
    spectra = torch.view_as_real(torch.fft.rfft(frames)).flatten(-2)
    squares = spectra.mul_(spectra).mT
    for group in _groups(frames.device):
        torch.mm(group.members, squares[group.values], out=energies[group.bands])


def _repair(energies: Tensor, pair: Tensor, loud: LoudFrames) -> None:
    """Replace the energies [15, 2, N] of the frames that have a gap before or after them."""
    size = CPU_FRAMES if pair.device.type == "cpu" else DEVICE_FRAMES
    for places in torch.split(loud.broken, size):
        frames = pair.new_zeros(2, len(places), FFT)
        _overlap(pair, loud, places, out=frames[..., :FRAME].view(2, -1, 2, HOP))
        repaired = pair.new_empty(BANDS, 2 * len(places))
        _add_up(frames.flatten(end_dim=1), repaired)
        energies.index_copy_(-1, places, repaired.view(BANDS, 2, -1))


def _overlap(pair: Tensor, loud: LoudFrames, places: Tensor, *, out: Tensor) -> None:
    """Windowed frames [2, n, 2, 128] of the sum of frames, by their numbers [n], in halves."""
    rising, falling = _windows(pair.device)
    last = len(loud.trial) - 1
    # Each frame with the one before and the one after it.
    numbers = torch.stack([places, places - 1, places + 1], dim=-1).clamp_(0, last)
    rows = pair[..., : (loud.most + 1) * HOP].view(2, pair.shape[1], -1, HOP)
    trial, place = loud.trial[numbers], loud.place[numbers]
    place[:, 1] += 1  # of the one before, its second half
    own, before, after = rows[:, trial, place].unbind(dim=-2)
    second = rows[:, trial[:, 0], place[:, 0] + 1]
    before = before * ~loud.new[places, None]
    torch.mul(own * rising + before * falling, rising, out=out[:, :, 0])
    torch.mul(after * rising + second * falling, falling, out=out[:, :, 1])


@lru_cache(maxsize=4)
def _windows(device: torch.device) -> Tensor:
    """The rising and the falling half [2, 128] of Hann's window of 258 points without its zeros."""
    window = torch.hann_window(FRAME + 2, periodic=False, dtype=torch.float64, device=device)
    return window[1:-1].reshape(2, HOP).clone()


@dataclass(frozen=True, slots=True)
class _BandGroup:
    """Neighbouring bands, the real and imaginary parts of their bins, and which bin belongs to which band."""

    bands: slice
    values: slice
    members: Tensor


@lru_cache(maxsize=4)
def _groups(device: torch.device) -> tuple[_BandGroup, ...]:
    """All bands; each is a third of an octave wide, with its edges at the nearest bins."""
    bins = np.linspace(0, RATE_HZ, FFT + 1)[: FFT // 2 + 1]
    wanted = LOWEST_HZ * np.exp2((2.0 * np.arange(BANDS + 1) - 1.0) / 6.0)
    edges = np.abs(bins - wanted[:, None]).argmin(axis=-1)
    groups = []
    for first, last in pairwise(NEIGHBOURS if device.type == "cpu" else (0, BANDS)):
        places = np.arange(edges[first], edges[last]).repeat(2)
        inside = (places >= edges[first:last, None]) & (places < edges[first + 1 : last + 1, None])
        members = torch.from_numpy(inside.astype(np.float64)).to(device)
        values = slice(2 * int(edges[first]), 2 * int(edges[last]))
        groups.append(_BandGroup(slice(first, last), values, members))
    return tuple(groups)
