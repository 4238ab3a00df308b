"""SpEx+: a complete time-domain speaker extraction network (Ge et al., Interspeech 2020)."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from ..core.validation import StrictModel
from .nets.spex_plus import _LONG_WEIGHT, _MIDDLE_WEIGHT, SpExPlusConfig, SpExPlusNet
from .registry import register_system
from .shared.enrolled import EnrolledSystem, enrollments_of, speakers_of
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME = "spex_plus"


class SpExPlusTask:
    """How the engine trains it."""

    net_config: type[StrictModel] = SpExPlusConfig

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights; sound classes do not matter to it."""
        del classes
        return SpExPlusNet(cast(SpExPlusConfig, net))

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]: the weighted ones of three estimates, in training plus those of speakers.

        Raises:
            ConfigError: a trial has no enrollment, or there are more speakers than outputs.
        """
        model = cast(SpExPlusNet, net)
        mixture = batch.queries.mixture[:, 0]
        embedding = model.embed(*enrollments_of(batch))
        short, middle, long = (
            criterion(estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present)
            for estimate in model.extract(mixture, batch.queries.lengths, embedding)
        )
        rest = 1.0 - _MIDDLE_WEIGHT - _LONG_WEIGHT
        losses = rest * short + _MIDDLE_WEIGHT * middle + _LONG_WEIGHT * long
        # Other voices than those of training have no output of their own.
        if model.speakers is None or not model.training:
            return losses
        weight = model.config.speaker_loss
        return losses + weight * model.speakers.loss(embedding, speakers_of(batch))


@register_system(NAME)
class SpExPlus(EnrolledSystem):
    """SpEx+; see `EnrolledSystem` for the options."""

    name = NAME
    description = "Multi-scale network with a shared speech encoder (Ge et al., 2020)"
    task = SpExPlusTask()


TASKS.register(NAME)(SpExPlus.task)
