"""Trials to ask systems about, and a system that records what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tsebench.bench.inference.batching import Item
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard


def noise_item(index: int, length: int, *, rate_hz: int = 8000, present: bool = True) -> Item:
    generator = torch.Generator().manual_seed(index)
    mixture = torch.randn(1, length, generator=generator)
    return Item(
        index=index,
        query=Query(
            id=f"t{index}",
            mixture=mixture,
            sample_rate_hz=rate_hz,
            clues=Clues(enrollments=(mixture[0, : length // 2],), classes=("a",), text="hello"),
        ),
        truth=Truth(
            target=0.5 * mixture if present else None,
            interferers=torch.cat([0.25 * mixture, 0.25 * mixture]),
            active_classes=("a",),
            transcript=None,
        ),
    )


class Fake:
    """Answers with `function(batch)`, and records its batches."""

    def __init__(self, function: Callable[[QueryBatch], Any], **card: Any) -> None:
        self._function = function
        self.batches: list[QueryBatch] = []
        self.card = SystemCard(name="fake", family="external", description="", **card)

    def extract(self, batch: QueryBatch) -> Extraction:
        self.batches.append(batch)
        found: Extraction = self._function(batch)
        return found


def copy(batch: QueryBatch) -> Extraction:
    return Extraction(estimate=batch.mixture[:, 0])


def sizes(fake: Fake) -> list[int]:
    return [len(batch.ids) for batch in fake.batches]
