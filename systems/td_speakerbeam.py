"""TD-SpeakerBeam: target speech extraction in the time domain (Delcroix et al., ICASSP 2020)."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from ..core.validation import StrictModel
from .nets.td_speakerbeam import TdSpeakerBeamConfig, TdSpeakerBeamNet
from .registry import register_system
from .shared.enrolled import EnrolledSystem, enrollments_of, speakers_of
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME = "td_speakerbeam"


class TdSpeakerBeamTask:
    """How the engine trains it."""

    net_config: type[StrictModel] = TdSpeakerBeamConfig

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights; sound classes do not matter to it."""
        del classes
        return TdSpeakerBeamNet(cast(TdSpeakerBeamConfig, net))

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates; in training plus those of the speakers, if it has a head.

        Raises:
            ConfigError: a trial has no enrollment, or there are more speakers than outputs.
        """
        model = cast(TdSpeakerBeamNet, net)
        mixture = batch.queries.mixture[:, 0]
        embedding = model.auxiliary(*enrollments_of(batch))
        estimate = model.extractor(mixture, batch.queries.lengths, embedding)
        losses = criterion(estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present)
        # Other voices than those of training have no output of their own.
        if model.speakers is None or not model.training:
            return losses
        weight = model.config.speaker_loss
        return losses + weight * model.speakers.loss(embedding, speakers_of(batch))


@register_system(NAME)
class TdSpeakerBeam(EnrolledSystem):
    """Time-domain SpeakerBeam; see `EnrolledSystem` for the options."""

    name = NAME
    description = "Conv-TasNet adapted to an enrollment of the speaker (Delcroix et al., 2020)"
    task = TdSpeakerBeamTask()


TASKS.register(NAME)(TdSpeakerBeam.task)
