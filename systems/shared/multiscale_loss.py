"""Loss of SpEx+'s estimates by three filter lengths."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..trainable import ExtractionLoss, TrainBatch

_MIDDLE_WEIGHT, _LONG_WEIGHT = 0.1, 0.1  # α and β of eq. 3; the short scale has the rest


def scale_losses(estimates: Sequence[Tensor], batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
    """Weighted losses [B] of the estimates [B, T] by the short, the middle and the long filters (eq. 3)."""
    short, middle, long = (
        criterion(estimate=estimate, reference=batch.target, mixture=batch.mixture, present=batch.present)
        for estimate in estimates
    )
    return (1.0 - _MIDDLE_WEIGHT - _LONG_WEIGHT) * short + _MIDDLE_WEIGHT * middle + _LONG_WEIGHT * long
