"""How the variants of SoundBeam are trained (Delcroix et al., Interspeech 2021, section 2.3)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import ConfigError
from ...validation import StrictModel
from .._class_queries import multi_hot
from ..nets.extractor import ExtractorConfig
from ..nets.soundbeam_net import SoundBeamConfig, SoundBeamNet, by_class
from .task import ExtractionLoss, TrainBatch


class SoundBeamTask:
    """The sum of the losses of all branches that a variant has (eq. 5)."""

    net_config: type[StrictModel] = SoundBeamConfig

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights."""
        return SoundBeamNet(cast(ExtractorConfig, net), classes=classes)

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B].

        Raises:
            ConfigError: the training data have no enrollments, and the variant needs them.
        """
        soundbeam = cast(SoundBeamNet, net)
        embeddings = branch_embeddings(soundbeam, batch)
        mixture, lengths = batch.queries.mixture[:, 0], batch.queries.lengths
        count = len(embeddings)
        # All branches in one pass: rows 0 to B−1 are the first one's.
        estimates = soundbeam.extractor(
            mixture.repeat(count, 1), lengths.repeat(count), torch.cat(embeddings)
        )
        losses = criterion(
            estimate=estimates,
            reference=batch.target.repeat(count, 1),
            mixture=mixture.repeat(count, 1),
            present=batch.present.repeat(count),
        )
        total = losses.view(count, -1).sum(dim=0)
        if soundbeam.config.variant != "mixed_el":
            return total
        distance: Tensor = 1.0 - F.cosine_similarity(embeddings[0], embeddings[1], dim=-1)
        return total + soundbeam.config.embedding_weight * distance


def branch_embeddings(net: SoundBeamNet, batch: TrainBatch) -> list[Tensor]:
    """Embeddings [B, D] of a batch for each branch, that of the classes first.

    Raises:
        ConfigError: a query has no enrollments, or not as many for each class.
    """
    clues, device = batch.queries.clues, batch.queries.mixture.device
    embeddings: list[Tensor] = []
    if net.config.knows_classes:
        query = multi_hot([clue.classes for clue in clues], net.classes)
        embeddings.append(net.class_embedding(query.to(device)))
    if net.config.hears_enrollments:
        try:
            queries = [by_class(c.enrollments, num_classes=len(c.classes)) for c in clues]
        except ValueError as error:
            raise ConfigError(
                f"net.variant = {net.config.variant!r} is trained with enrollments, but in the "
                f"training data {error}; set data.overrides.clues: [classes, enrollment]"
            ) from None
        embeddings.append(net.enrollment_embedding(queries))
    return embeddings
