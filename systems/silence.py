"""`silence`: zeros, the lower end of every scale and the ideal estimate of an absent target."""

from __future__ import annotations

import torch

from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.batches import answer_at_all


@register_system("silence")
class SilenceSystem:
    """Returns zeros, at all channels."""

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self.card = SystemCard(
            name="silence", family="baseline", description="zeros for every query", channels="any", causal=True
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch with zeros."""
        return Extraction(estimate=answer_at_all(torch.zeros_like(batch.mixture, device=self._device)))
