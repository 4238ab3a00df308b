"""WASE: learning when to attend for speaker extraction (Hao et al., ICASSP 2021)."""

from __future__ import annotations

from torch import Tensor

from .nets.voice_activity import activity_losses
from .nets.wase import WaseConfig, WaseNet
from .registry import register_system
from .shared.enrolled import EnrolledSystem, EnrolledTask
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME = "wase"


class WaseTask(EnrolledTask[WaseConfig, WaseNet]):
    """Losses of the estimates, of the speakers, and of the speaker's activity on the frames."""

    net_config = WaseConfig
    net_class = WaseNet

    def estimate_losses(self, net: WaseNet, embedding: Tensor, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates, and in training the cross-entropy of the activity."""
        estimate, activity = net.extract_with_activity(batch.mixture, batch.queries.lengths, embedding)
        losses = criterion(estimate=estimate, reference=batch.target, mixture=batch.mixture, present=batch.present)
        if not net.training:
            return losses
        rate = batch.queries.sample_rate_hz
        return losses + net.config.activity_loss * activity_losses(
            activity, batch.target, net.encoder, sample_rate_hz=rate
        )


@register_system(NAME)
class Wase(EnrolledSystem):
    """WASE (Hao et al., 2021): a Conv-TasNet gated by the activity of the enrolled speaker."""

    name = NAME
    description = "Conv-TasNet gated by the activity of the enrolled speaker (Hao et al., 2021)"
    task = WaseTask()


TASKS.register(NAME)(Wase.task)
