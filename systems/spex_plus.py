"""SpEx+: a complete time-domain speaker extraction network (Ge et al., Interspeech 2020)."""

from __future__ import annotations

from typing import Annotated, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ..validation import StrictModel
from ._enrolled import EnrolledSystem, enrollments_of, speakers_of
from .nets.extractor import rms
from .nets.multiscale import (
    ChannelNorm,
    InformedStack,
    MultiScaleDecoder,
    MultiScaleEncoder,
    scale_masks,
)
from .nets.residual_embedder import ResidualEmbedder
from .nets.speaker_head import SpeakerHead
from .nets.tcn import apply_mask, frame_mask
from .registry import register_system
from .training.task import TASKS, ExtractionLoss, TrainBatch

NAME = "spex_plus"

Positive = Annotated[int, Field(gt=0)]
_MIDDLE_WEIGHT, _LONG_WEIGHT = 0.1, 0.1  # α and β of eq. 3; the short scale has the rest


class SpExPlusConfig(StrictModel):
    """Hyper-parameters; 11.14 million parameters with the 101 training speakers of WSJ0-2mix-extr.

    Attributes:
        num_filters: N, of each filter length.
        short: L1, in samples; the stride is half of it.
        middle: L2, in samples.
        long: L3, in samples.
        bottleneck: O, and channels of the first residual block.
        hidden: P, and channels of the other residual blocks.
        kernel: Q.
        blocks: B, in a stack.
        stacks: that hear the embedding.
        embedding_dim: D.
        speakers: outputs of the classifier of the training speakers; 0 has none.
        speaker_loss: weight of its cross-entropy; for training only.
    """

    num_filters: Positive = 256
    short: Annotated[int, Field(gt=1)] = 20
    middle: Positive = 80
    long: Positive = 160
    bottleneck: Positive = 256
    hidden: Positive = 512
    kernel: Annotated[int, Field(gt=1)] = 3
    blocks: Annotated[int, Field(gt=0, le=14)] = 8
    stacks: Annotated[int, Field(gt=0, le=64)] = 4
    embedding_dim: Positive = 256
    speakers: Annotated[int, Field(ge=0, le=100_000)] = 101
    speaker_loss: Annotated[float, Field(ge=0)] = 0.5

    @model_validator(mode="after")
    def _check(self) -> SpExPlusConfig:
        if not self.short <= self.middle <= self.long:
            raise ValueError(
                f"filter lengths {self.short}, {self.middle}, {self.long} must not fall; set "
                "short <= middle <= long"
            )
        return self


class SpExPlusNet(nn.Module):
    """Speech encoders shared by mixture and enrollment, speaker encoder, extractor, decoders."""

    def __init__(self, config: SpExPlusConfig) -> None:
        super().__init__()
        self.config = c = config
        lengths = (c.short, c.middle, c.long)
        stride = c.short // 2
        self.encoder = MultiScaleEncoder(
            num_filters=c.num_filters, filter_lengths=lengths, stride=stride
        )
        self.decoder = MultiScaleDecoder(
            num_filters=c.num_filters, filter_lengths=lengths, stride=stride
        )
        self.norm = ChannelNorm(3 * c.num_filters)
        self.bottleneck = nn.Conv1d(3 * c.num_filters, c.bottleneck, 1)
        self.stacks = nn.ModuleList(
            InformedStack(
                num_blocks=c.blocks,
                bottleneck=c.bottleneck,
                hidden=c.hidden,
                kernel=c.kernel,
                embedding_dim=c.embedding_dim,
            )
            for _ in range(c.stacks)
        )
        self.masks = nn.ModuleList(nn.Conv1d(c.bottleneck, c.num_filters, 1) for _ in lengths)
        self.speaker_encoder = ResidualEmbedder(
            num_features=3 * c.num_filters,
            channels=(c.bottleneck, c.bottleneck, c.hidden, c.hidden),
            embedding_dim=c.embedding_dim,
        )
        self.speakers: SpeakerHead | None = None
        if c.speakers:
            self.speakers = SpeakerHead(embedding_dim=c.embedding_dim, num_speakers=c.speakers)

    def embed(self, enrollment: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, D] of enrollments [B, T], zeros past the lengths [B]."""
        features = _stacked(self.encoder(enrollment / rms(enrollment, lengths)))
        embedding: Tensor = self.speaker_encoder(features, self.encoder.frame_counts(lengths))
        return embedding

    def extract(self, mixture: Tensor, lengths: Tensor, embedding: Tensor) -> list[Tensor]:
        """Estimates [B, T] by the short, the middle and the long filters.

        Args:
            mixture: [B, T], zeros past each length.
            lengths: [B].
            embedding: [B, D].
        """
        level = rms(mixture, lengths)
        encoded = self.encoder(mixture / level)
        counts = self.encoder.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=encoded[0].shape[-1])
        features = apply_mask(self.bottleneck(self.norm(_stacked(encoded))), mask)
        for stack in self.stacks:
            features = stack(features, embedding, mask)
        masked = scale_masks([to_mask(features) for to_mask in self.masks], encoded)
        estimates = self.decoder(
            [apply_mask(scale, mask) for scale in masked], num_samples=mixture.shape[-1]
        )
        return [estimate * level for estimate in estimates]

    def forward(
        self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> Tensor:
        """Extract the voice of the enrollment, by the short filters.

        Args:
            mixture: [B, T], zeros past each length.
            lengths: [B].
            enrollment: [B, T'], zeros past each length.
            enrollment_lengths: [B].

        Returns:
            The estimate [B, T].
        """
        return self.extract(mixture, lengths, self.embed(enrollment, enrollment_lengths))[0]


def _stacked(features: list[Tensor]) -> Tensor:
    """Features [B, N, K] of three scales as [B, 3 N, K]."""
    return torch.cat(features, dim=1)


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
            criterion(
                estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present
            )
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
