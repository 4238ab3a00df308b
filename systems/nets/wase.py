"""Network of WASE: a Conv-TasNet that learns when to attend to the enrolled speaker (Hao et al., ICASSP 2021)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from .conv_tasnet import Positive, TasNetConfig
from .enrollment import EnrolledNet
from .filterbank import Decoder, Encoder, rms
from .recurrent_embedder import ActivityGate, RecurrentEmbedder, gate
from .speaker_head import SpeakerHead
from .tcn import PReLU, Stack, accumulate, apply_mask, layer_norm


class WaseConfig(TasNetConfig):
    """Hyper-parameters; 7.51 million parameters with 101 training speakers (8 kHz).

    Attributes:
        num_filters: N, channels of the encoder.
        filter_length: L, length of encoder and decoder filters, in samples.
        bottleneck: B, channels between the blocks, and entries of the embedding.
        skip: Sc, channels of the skip paths.
        stacks: R, stacks of blocks, before each of which the embedding comes in.
        reference_filters: filters of the voiceprint encoder.
        reference_length: their length, in samples; the stride is a quarter of it.
        reference_hidden: units of its LSTM in each direction.
        speakers: outputs of the classifier of the training speakers; 0 has none.
        speaker_loss: weight of the classifier's cross-entropy in the training loss.
        activity_loss: weight of the cross-entropy of the speaker's activity in the training loss.
    """

    num_filters: Positive = 512
    filter_length: Positive = 16
    bottleneck: Positive = 128
    skip: Positive = 128
    stacks: Annotated[int, Field(gt=0, le=64)] = 3
    reference_filters: Positive = 128
    reference_length: Annotated[int, Field(gt=3)] = 256
    reference_hidden: Positive = 256
    speakers: Annotated[int, Field(ge=0, le=100_000)] = 101
    speaker_loss: Annotated[float, Field(ge=0)] = 0.5
    activity_loss: Annotated[float, Field(ge=0)] = 1.0


class WaseNet(EnrolledNet[WaseConfig, Tensor]):
    """Voiceprint encoder and gated Conv-TasNet; mixtures are normalised to unit RMS inside."""

    def __init__(self, config: WaseConfig) -> None:
        super().__init__(config)
        c = config
        self.encoder = Encoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop)
        self.decoder = Decoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop)
        self.norm = layer_norm("global", c.num_filters)
        self.bottleneck = nn.Conv1d(c.num_filters, c.bottleneck, 1)
        self.voiceprint = RecurrentEmbedder(
            num_filters=c.reference_filters,
            filter_length=c.reference_length,
            stride=c.reference_length // 4,
            hidden=c.reference_hidden,
            embedding_dim=c.bottleneck,
        )
        self.adapt = nn.ModuleList(nn.Linear(c.bottleneck, c.bottleneck) for _ in range(c.stacks))
        self.activity = ActivityGate(c.bottleneck)
        self.stacks = nn.ModuleList(Stack(c.block, num_blocks=c.blocks) for _ in range(c.stacks))
        self.activation = PReLU()
        self.output = nn.Conv1d(c.skip, c.num_filters, 1)
        if c.speakers:
            self.speakers = SpeakerHead(embedding_dim=c.bottleneck, num_speakers=c.speakers)

    def embed(self, enrollment: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, D] of enrollments [B, T'], zeros past the lengths [B]."""
        embedding: Tensor = self.voiceprint(enrollment, lengths)
        return embedding

    def extract(self, mixture: Tensor, lengths: Tensor, embedding: Tensor) -> Tensor:
        """Estimates [B, T]."""
        return self.extract_with_activity(mixture, lengths, embedding)[0]

    def extract_with_activity(
        self, mixture: Tensor, lengths: Tensor, embedding: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Estimates [B, T], and logits [B, K] of the speaker's activity on the frames, one for each stack."""
        level = rms(mixture, lengths)
        encoded, mask = self.encoder.with_mask(mixture / level, lengths)
        features = apply_mask(self.bottleneck(self.norm(encoded, mask)), mask)
        total: Tensor | None = None
        activity: list[Tensor] = []
        for adapt, stack in zip(self.adapt, self.stacks, strict=True):
            voice = adapt(embedding)
            activity.append(self.activity(features, voice))
            features = apply_mask(features * voice[:, :, None] * gate(activity[-1]), mask)
            features, skipped = stack(features, mask)
            total = accumulate(total, skipped)
        shared = features if total is None else total
        masked = encoded * torch.sigmoid(self.output(self.activation(shared)))
        estimate: Tensor = self.decoder(apply_mask(masked, mask), num_samples=mixture.shape[-1])
        return estimate * level, tuple(activity)
