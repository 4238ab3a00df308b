"""`oracle_target`: the reference itself, the upper end of every scale."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..datasets.types import Truth
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.masks import present_targets


@register_system("oracle_target")
class TargetOracle:
    """The reference itself, zeros if the target is absent (oracle)."""

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self.card = SystemCard(
            name="oracle_target", family="oracle", description="the reference itself", privileged=True
        )

    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; `truths` are at the batch's rate, unpadded."""
        estimate = torch.zeros_like(batch.mixture[:, 0], device=self._device)
        for row, target in present_targets(truths).items():
            estimate[row, : len(target)] = target
        return Extraction(estimate=estimate)
