"""WASE: learning when to attend for speaker extraction (Hao et al., ICASSP 2021)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .nets.visual.alignment import frame_middles
from .nets.voice_activity import voice_activity
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
        middles = frame_middles(net.encoder, num_samples=batch.target.shape[-1], device=batch.target.device)
        wanted = voice_activity(batch.target, middles, sample_rate_hz=batch.queries.sample_rate_hz)
        terms = [
            F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=-1) for logits in activity
        ]
        return losses + net.config.activity_loss * torch.stack(terms).mean(dim=0)


@register_system(NAME)
class Wase(EnrolledSystem):
    """WASE (Hao et al., 2021): a Conv-TasNet gated by the activity of the enrolled speaker."""

    name = NAME
    description = "Conv-TasNet gated by the activity of the enrolled speaker (Hao et al., 2021)"
    task = WaseTask()


TASKS.register(NAME)(Wase.task)
