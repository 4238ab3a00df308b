"""Noise of each query from its own seed and its own length, whatever the batch, the padding or the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ....datasets.seeding import digest


class Noise(Protocol):
    """A source of noise of variance 1."""

    def draw(self, like: Tensor) -> Tensor:
        """Fresh noise [B, ..., K] in the shape, type and on the device of `like`."""
        ...


class QueryNoise:
    """Standard normal noise by a CPU generator for each query, so that CPU and GPU agree.

    Each query draws for its own number of frames along the last axis; the rest of the row is 0. A complex value has the
    variance 1 in all, 1/2 in each part.
    """

    def __init__(self, seeds: Sequence[int], counts: Sequence[int]) -> None:
        """One seed, and the number of frames without padding, for each query."""
        if len(seeds) != len(counts):
            raise ValueError(f"{len(seeds)} seeds for {len(counts)} lengths")
        self._generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]
        self._counts = tuple(counts)

    def draw(self, like: Tensor) -> Tensor:
        """Noise [B, ..., K]: the next draw of each query."""
        kind = torch.complex64 if like.is_complex() else torch.float32
        drawn = torch.zeros(like.shape, dtype=kind)
        for row, generator, count in zip(drawn, self._generators, self._counts, strict=True):
            shape = (*like.shape[1:-1], count)
            row[..., :count] = torch.randn(shape, generator=generator, dtype=kind)
        return drawn.to(like)


def member_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Seeds of the members of an ensemble for one query; the first is the seed itself."""
    return (seed, *(int(digest("member", seed, k), 16) % 2**63 for k in range(1, count)))
