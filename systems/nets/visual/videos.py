"""Videos of a batch: one padded tensor, and work on groups of items of one size."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .alignment import at_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Videos:
    """Videos of B queries at one rate.

    Attributes:
        pictures: [B, F, H, W] float32 in 0..1, grey; past the counts undefined.
        counts: number of pictures of each video, at least 1.
    """

    pictures: Tensor
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.counts)


def join_videos(
    videos: Sequence[Tensor], fps: Sequence[float], *, wanted_fps: float, device: torch.device | str
) -> Videos:
    """Videos [F_b, H, W] of one size, at least one picture each, as one batch of one rate on a device."""
    same = [at_rate(video.to(device), fps=rate, wanted_fps=wanted_fps) for video, rate in zip(videos, fps, strict=True)]
    return Videos(pictures=pad_sequence(same, batch_first=True), counts=tuple(len(video) for video in same))


def in_equal_groups(keys: Sequence[Hashable], answer: Callable[[list[int]], Tensor]) -> list[Tensor]:
    """Answers by item, computed once for all items of a key.

    Networks whose statistics or zero padding reach beyond the end of an item are so independent of the padding of the
    batch without masks: every group has items of one size.

    Args:
        keys: size of each item.
        answer: indices of items of one size to their answers [N, ...], in this order.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    found: dict[int, Tensor] = {}
    for indices in groups.values():
        found.update(zip(indices, answer(indices).unbind(dim=0), strict=True))
    return [found[index] for index in range(len(keys))]
