"""`oracle_target`: the reference itself, the upper end of every scale."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..datasets.types import Truth
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.batches import answer_at_all


@register_system("oracle_target")
class TargetOracle:
    """The reference itself at all channels, zeros if the target is absent (oracle)."""

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self.card = SystemCard(
            name="oracle_target", family="oracle", description="the reference itself", channels="any", privileged=True
        )

    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; `truths` are at the batch's rate, unpadded."""
        estimate = torch.zeros_like(batch.mixture, device=self._device)
        for row, truth in enumerate(truths):
            if truth.target is not None:
                estimate[row, :, : truth.target.shape[-1]] = truth.target
        return Extraction(estimate=answer_at_all(estimate))
