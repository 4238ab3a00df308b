"""SpEx+: a complete time-domain speaker extraction network (Ge et al., Interspeech 2020)."""

from __future__ import annotations

from torch import Tensor

from .nets.spex_plus import SpExPlusConfig, SpExPlusNet
from .registry import register_system
from .shared.enrolled import EnrolledSystem, EnrolledTask
from .shared.multiscale_loss import scale_losses
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME = "spex_plus"


class SpExPlusTask(EnrolledTask[SpExPlusConfig, SpExPlusNet]):
    """Weighted losses of the three estimates, and that of the speakers."""

    net_config = SpExPlusConfig
    net_class = SpExPlusNet

    def estimate_losses(
        self, net: SpExPlusNet, embedding: Tensor, batch: TrainBatch, criterion: ExtractionLoss
    ) -> Tensor:
        """Weighted losses [B] of the three estimates (eq. 3)."""
        scales = net.extract_scales(batch.mixture, batch.queries.lengths, embedding)
        return scale_losses(scales, batch, criterion)


@register_system(NAME)
class SpExPlus(EnrolledSystem):
    """SpEx+ (Ge et al., 2020): a time-domain network of three scales, conditioned on an enrollment."""

    name = NAME
    description = "Multi-scale network with a shared speech encoder (Ge et al., 2020)"
    task = SpExPlusTask()


TASKS.register(NAME)(SpExPlus.task)
