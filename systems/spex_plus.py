"""SpEx+: a complete time-domain speaker extraction network (Ge et al., Interspeech 2020)."""

from __future__ import annotations

from torch import Tensor

from .nets.spex_plus import SpExPlusConfig, SpExPlusNet
from .registry import register_system
from .shared.enrolled import EnrolledSystem, EnrolledTask
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME = "spex_plus"

_MIDDLE_WEIGHT, _LONG_WEIGHT = 0.1, 0.1  # α and β of eq. 3; the short scale has the rest


class SpExPlusTask(EnrolledTask[SpExPlusConfig, SpExPlusNet]):
    """Weighted losses of the three estimates, and that of the speakers."""

    net_config = SpExPlusConfig
    net_class = SpExPlusNet

    def estimate_losses(
        self, net: SpExPlusNet, embedding: Tensor, batch: TrainBatch, criterion: ExtractionLoss
    ) -> Tensor:
        """Weighted losses [B] of the three estimates (eq. 3)."""
        short, middle, long = (
            criterion(estimate=estimate, reference=batch.target, mixture=batch.mixture, present=batch.present)
            for estimate in net.extract_scales(batch.mixture, batch.queries.lengths, embedding)
        )
        rest = 1.0 - _MIDDLE_WEIGHT - _LONG_WEIGHT
        return rest * short + _MIDDLE_WEIGHT * middle + _LONG_WEIGHT * long


@register_system(NAME)
class SpExPlus(EnrolledSystem):
    """SpEx+ (Ge et al., 2020): a time-domain network of three scales, conditioned on an enrollment."""

    name = NAME
    description = "Multi-scale network with a shared speech encoder (Ge et al., 2020)"
    task = SpExPlusTask()


TASKS.register(NAME)(SpExPlus.task)
