"""`silence`: zeros, the lower end of every scale and the ideal estimate of an absent target."""

from __future__ import annotations

import torch

from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system


@register_system("silence")
class SilenceSystem:
    """Returns zeros."""

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self.card = SystemCard(name="silence", family="baseline", description="zeros for every query", causal=True)

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch with zeros."""
        return Extraction(estimate=torch.zeros_like(batch.mixture[:, 0], device=self._device))
