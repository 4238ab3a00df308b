"""`mixture`: the unprocessed input, the baseline of every improvement."""

from __future__ import annotations

import torch

from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system


@register_system("mixture")
class MixtureSystem:
    """Returns the first channel of its input, bit for bit."""

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self.card = SystemCard(
            name="mixture", family="baseline", description="the unprocessed mixture, first channel", causal=True
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch with its input."""
        return Extraction(estimate=batch.mixture[:, 0].to(self._device, copy=True))
