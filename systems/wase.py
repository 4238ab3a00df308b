"""WASE: learning when to attend for speaker extraction (Hao et al., ICASSP 2021)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from .checkpoints.checkpoint import Checkpoint
from .nets.voice_activity import activity_losses, activity_over_time
from .nets.wase import WaseConfig, WaseNet
from .protocol import ACTIVITY_HOP_S, activity_frames
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

    def _set_up(self, checkpoint: Checkpoint, *, reference: str, device: str) -> None:
        super()._set_up(checkpoint, reference=reference, device=device)
        self.card = replace(self.card, detects_activity=True)

    def _answer(
        self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Estimates [B, T], and the activity [B, K] that the last stack is gated by."""
        embedding = self._net.embed(enrollment, enrollment_lengths)
        estimate, logits = self._net.extract_with_activity(mixture, lengths, embedding)
        rate_hz = self.card.sample_rate_hz or 0
        activity = activity_over_time(
            logits[-1],
            lengths,
            self._net.encoder,
            frames=activity_frames(mixture.shape[-1], rate_hz),
            samples_per_frame=ACTIVITY_HOP_S * rate_hz,
        )
        return estimate, activity


TASKS.register(NAME)(Wase.task)
