"""Windows over a long signal, and their answers stitched together with cross-fades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...datasets.activity import cut
from ...datasets.types import Clues


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Windows of equal length; `hop` is at least half of `window`, both in samples."""

    window: int
    hop: int

    def starts(self, length: int) -> list[int]:
        """First sample of each window of a signal of `length`: the last one ends with it; one window if it is short."""
        if length <= self.window:
            return [0]
        last = length - self.window
        return [*range(0, last, self.hop), last]


class Stitcher:
    """Joins the answers to windows, in their order; it holds no more than the last one.

    What two windows share is cross-faded. The first and the last quarter of these samples, where one of the windows
    ends, are the other window's; the fade is linear between. A system whose output depends on less than this quarter of
    the input around it thus has the same samples as on the whole: both agree wherever they are mixed.
    """

    def __init__(self) -> None:
        self._held: Tensor | None = None
        self._start = 0

    def push(self, part: Tensor, *, start: int) -> Tensor:
        """Samples [n], n ≥ 0, that later windows do not change, from the first that was not given yet.

        Args:
            part: [..., W] answer to a window that begins at `start`, not after the end of the last one.
        """
        before, self._held = self._held, part
        first, self._start = self._start, start
        if before is None:
            return part[..., :0]
        done, shared = before[..., : start - first], before[..., start - first :]
        self._held = torch.cat([_faded(shared, part), part[..., shared.shape[-1] :]], dim=-1)
        return done

    def finish(self) -> Tensor | None:
        """The rest of the answer; None if there was no window."""
        return self._held


def _faded(before: Tensor, after: Tensor) -> Tensor:
    """The samples [..., S] that two windows share; `after` may go on."""
    shared = before.shape[-1]
    first, last = shared // 4, shared - shared // 4
    count = last - first
    fade = (torch.arange(count, device=before.device, dtype=before.dtype) + 0.5) / max(1, count)
    mixed = torch.lerp(before[..., first:last], after[..., first:last].to(before), fade)
    return torch.cat([before[..., :first], mixed, after[..., last:shared].to(before)], dim=-1)


def clues_of(clues: Clues, *, start: int, frames: int, sample_rate_hz: int) -> Clues:
    """The clues of one window: of video and activity those of its time, and all others as they are."""
    if clues.activity is not None:
        seconds = (start / sample_rate_hz, (start + frames) / sample_rate_hz)
        clues = replace(clues, activity=cut(clues.activity, *seconds))
    if clues.video is None or clues.video_fps is None:
        return clues
    first = round(start / sample_rate_hz * clues.video_fps)
    count = max(1, int(frames / sample_rate_hz * clues.video_fps + 1e-6))
    return replace(clues, video=clues.video[first : first + count])


def grouped(places: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Up to `size` places at once."""
    for start in range(0, len(places), size):
        yield places[start : start + size]
