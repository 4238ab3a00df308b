"""`mixture`: the unprocessed input, the baseline of every improvement."""

from __future__ import annotations

import torch

from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.batches import answer_at_all


@register_system("mixture")
class MixtureSystem:
    """Returns its input, bit for bit, at all channels."""

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self.card = SystemCard(
            name="mixture", family="baseline", description="the unprocessed mixture", channels="any", causal=True
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch with its input."""
        return Extraction(estimate=answer_at_all(batch.mixture.to(self._device, copy=True)))
