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


def stitch(whole: Tensor, part: Tensor, *, start: int, written: int) -> int:
    """Write the answer to a window into that to the whole signal; the samples that both have are cross-faded.

    The first and the last quarter of these samples, where one of the windows ends, are the other window's; the fade is
    linear between. A system whose output depends on less than this quarter of the input around it thus has the same
    samples as on the whole: both agree wherever they are mixed.

    Args:
        whole: [T], of which the first `written` samples are there; it is changed in place.
        part: [W], which begins at `start`, not after `written`.

    Returns:
        the samples that are written then.
    """
    shared, end = written - start, start + len(part)
    first, last = shared // 4, shared - shared // 4
    count = last - first
    fade = (torch.arange(count, device=whole.device, dtype=whole.dtype) + 0.5) / max(1, count)
    mixed = whole[start + first : start + last]
    mixed.copy_(torch.lerp(mixed, part[first:last].to(whole), fade))
    whole[start + last : end] = part[last:].to(whole)
    return end


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
