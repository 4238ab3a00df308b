"""SpEx++: SpEx+ in stages, each with the extraction before as a reference (Ge et al., ICASSP 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from .nets.spex_plus_plus import SpExPlusPlusConfig, SpExPlusPlusNet
from .registry import register_system
from .shared.enrolled import EnrolledSystem, enrollments_of, speakers_of
from .shared.multiscale_loss import scale_losses
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME = "spex_plus_plus"


class SpExPlusPlusTask:
    """Mean of the stages' losses, each that of SpEx+, and that of the speakers on the first stage's embedding."""

    net_config = SpExPlusPlusConfig

    def build(self, config: SpExPlusPlusConfig, *, classes: tuple[str, ...]) -> SpExPlusPlusNet:
        """Network with fresh weights; sound classes are not used."""
        del classes
        return SpExPlusPlusNet(config)

    def loss(self, net: SpExPlusPlusNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]; validation takes the last stage alone."""
        embeddings = net.embed(*enrollments_of(batch))
        stages = net.extract_stages(batch.mixture, batch.queries.lengths, embeddings)
        if not net.training:
            return scale_losses(stages[-1], batch, criterion)
        losses = torch.stack([scale_losses(estimates, batch, criterion) for estimates in stages]).mean(dim=0)
        if net.speakers is None:
            return losses
        return losses + net.config.speaker_loss * net.speakers.loss(embeddings[0], speakers_of(batch))


@register_system(NAME)
class SpExPlusPlus(EnrolledSystem):
    """SpEx++ (Ge et al., 2021): three stages of SpEx+, each with the extraction before as a reference."""

    name = NAME
    description = "Stages of SpEx+, each with the extraction before as a reference (Ge et al., 2021)"
    task = SpExPlusPlusTask()


TASKS.register(NAME)(SpExPlusPlus.task)
