"""Batches of queries on one noise, which differ in their clues alone."""

from __future__ import annotations

import torch
from helpers.small_nets import RATE_HZ
from torch import Tensor

from tsebench.datasets.types import Clues
from tsebench.systems.protocol import QueryBatch


def noise(seed: int, *shape: int) -> Tensor:
    """White noise of unit power."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def batch(*clues: Clues, num_samples: int = 900) -> QueryBatch:
    """Queries q0, q1, ... with these clues."""
    return QueryBatch(
        ids=tuple(f"q{i}" for i in range(len(clues))),
        mixture=noise(99, num_samples)[None, None].repeat(len(clues), 1, 1),
        lengths=torch.full((len(clues),), num_samples),
        sample_rate_hz=RATE_HZ,
        clues=clues,
    )
