"""`oracle_outputs`: every source of the target apart, with its label; the upper end of class-aware scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ..datasets.types import Truth
from .protocol import Extraction, LabelledOutput, QueryBatch, SystemCard
from .registry import register_system
from .shared.masks import present_targets


@register_system("oracle_outputs")
class OutputsOracle:
    """Every source of the target apart, with its label (oracle).

    Args:
        swap_labels: give every source the label of the next one: the sounds of a perfect system, and the labels of a
            wrong one. A source that is alone keeps its label.
    """

    def __init__(self, *, swap_labels: bool = False, device: str = "cpu") -> None:
        self._swap, self._device = swap_labels, torch.device(device)
        self.card = SystemCard(
            name="oracle_outputs",
            family="oracle",
            description=f"every source of the target with {'the label of another' if swap_labels else 'its label'}",
            privileged=True,
            labels_outputs=True,
            options={"swap_labels": swap_labels},
        )

    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; `truths` are at the batch's rate, unpadded."""
        estimate = torch.zeros_like(batch.mixture[:, 0], device=self._device)
        for row, target in present_targets(truths).items():
            estimate[row, : len(target)] = target
        return Extraction(estimate=estimate, outputs=[tuple(self._outputs(truth)) for truth in truths])

    def _outputs(self, truth: Truth) -> Iterator[LabelledOutput]:
        labels = truth.target_labels
        if self._swap:
            labels = (*labels[1:], *labels[:1])
        for label, signal in zip(labels, truth.parts.values(), strict=True):
            yield LabelledOutput(label, signal.to(self._device))
