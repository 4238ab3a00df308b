"""Network of SpEx+: multi-scale encoders shared by mixture and enrollment (Ge et al., 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.validation import StrictModel
from .conv_tasnet import Positive
from .enrollment import EnrolledNet, mean_over_frames
from .filterbank import rms
from .multiscale import ChannelNorm, InformedStack, MultiScaleDecoder, MultiScaleEncoder, ScaleSizes
from .speaker_head import SpeakerHead
from .tcn import BlockSizes, PReLU, apply_mask, frame_mask

POOL = 3


class SpExPlusConfig(StrictModel):
    """Hyper-parameters; 11.14 million parameters with the 101 training speakers of WSJ0-2mix-extr.

    By default sizes are the published ones, and three things are ours: encoders and decoders have no biases (771
    parameters fewer), frames cover the start and the end of a signal like its middle, and mixture and enrollment are
    scaled to unit RMS and the estimate back. `PUBLISHED` has the options of the published network (11,138,734
    parameters), whose weights `spex_plus_public` converts.

    Attributes:
        num_filters: N, channels of each filter length.
        short: L1, shortest filters, in samples; the stride is half of it.
        middle: L2, middle filters, in samples.
        long: L3, longest filters, in samples.
        bottleneck: O, channels between the blocks and of the first residual block.
        hidden: P, channels inside of a block and of the other residual blocks.
        kernel: Q, taps of the depthwise convolutions.
        blocks: B, blocks of a stack.
        stacks: number of stacks, each conditioned on the embedding.
        embedding_dim: D, entries of the embedding.
        speakers: outputs of the classifier of the training speakers; 0 has none.
        speaker_loss: weight of the classifier's cross-entropy in the training loss.
        bias: whether encoders and decoders have biases.
        frames: "covering", or "inside" for the frames inside of the signal; the longer filters see zeros after it.
        normalise: scale signals to unit RMS.
        norm_eps: added to the variance in the global layer norms.
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
    bias: bool = False
    frames: Literal["covering", "inside"] = "covering"
    normalise: bool = True
    norm_eps: Annotated[float, Field(gt=0, le=1)] = 1e-8

    @model_validator(mode="after")
    def _check(self) -> SpExPlusConfig:
        if not self.short <= self.middle <= self.long:
            raise ValueError(
                f"filter lengths {self.short}, {self.middle}, {self.long} must not fall; set short <= middle <= long"
            )
        return self


PUBLISHED: Mapping[str, object] = {"bias": True, "frames": "inside", "normalise": False, "norm_eps": 1e-5}
"""Options with which the network is that of the public code (nnet/spex_plus.py of Ge et al.)."""


class SpExPlusNet(EnrolledNet[SpExPlusConfig, Tensor]):
    """Speech encoders shared by mixture and enrollment, speaker encoder, extractor, decoders."""

    def __init__(self, config: SpExPlusConfig) -> None:
        super().__init__(config)
        c = config
        lengths = (c.short, c.middle, c.long)
        sizes = BlockSizes(bottleneck=c.bottleneck, hidden=c.hidden, kernel=c.kernel, norm_eps=c.norm_eps)
        scales = ScaleSizes(
            num_filters=c.num_filters,
            filter_lengths=lengths,
            stride=c.short // 2,
            covering=c.frames == "covering",
            bias=c.bias,
        )
        self.encoder = MultiScaleEncoder(scales)
        self.decoder = MultiScaleDecoder(scales)
        self.norm = ChannelNorm(3 * c.num_filters)
        self.bottleneck = nn.Conv1d(3 * c.num_filters, c.bottleneck, 1)
        self.stacks = nn.ModuleList(
            InformedStack(sizes, num_blocks=c.blocks, embedding_dim=c.embedding_dim) for _ in range(c.stacks)
        )
        self.masks = nn.ModuleList(nn.Conv1d(c.bottleneck, c.num_filters, 1) for _ in lengths)
        self.speaker_encoder = ResidualEmbedder(
            num_features=3 * c.num_filters,
            channels=(c.bottleneck, c.bottleneck, c.hidden, c.hidden),
            embedding_dim=c.embedding_dim,
        )
        if c.speakers:
            self.speakers = SpeakerHead(embedding_dim=c.embedding_dim, num_speakers=c.speakers)

    def embed(self, enrollment: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, D] of enrollments [B, T], zeros past the lengths [B]."""
        features = torch.cat(self.encoder(enrollment / self._level(enrollment, lengths)), dim=1)
        embedding: Tensor = self.speaker_encoder(features, self.encoder.frame_counts(lengths))
        return embedding

    def extract(self, mixture: Tensor, lengths: Tensor, embedding: Tensor) -> Tensor:
        """Estimates [B, T] by the short filters."""
        return self.extract_scales(mixture, lengths, embedding)[0]

    def extract_scales(self, mixture: Tensor, lengths: Tensor, embedding: Tensor) -> list[Tensor]:
        """Estimates [B, T] by the short, the middle and the long filters."""
        level = self._level(mixture, lengths)
        encoded = self.encoder(mixture / level)
        counts = self.encoder.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=encoded[0].shape[-1])
        features = apply_mask(self.bottleneck(self.norm(torch.cat(encoded, dim=1))), mask)
        scales = self.masked(encoded, features, embedding, counts, num_samples=mixture.shape[-1])
        return [estimate * level for estimate in scales]

    def masked(
        self, encoded: Sequence[Tensor], features: Tensor, embedding: Tensor, counts: Tensor, *, num_samples: int
    ) -> list[Tensor]:
        """Signals [B, T] of each filter length: the stacks, the masks on the encoded mixture, and the decoders.

        Args:
            encoded: mixture [B, N, K] by each filter length.
            features: [B, B', K] after the bottleneck, zeros past the `counts` [B] of frames.
            embedding: [B, D].
        """
        mask = frame_mask(counts, num_frames=features.shape[-1])
        for stack in self.stacks:
            features = stack(features, embedding, mask)
        masked = [
            apply_mask(torch.relu(to_mask(features)) * scale, mask)
            for to_mask, scale in zip(self.masks, encoded, strict=True)
        ]
        scales: list[Tensor] = self.decoder(masked, counts, num_samples=num_samples)
        return scales

    def _level(self, signal: Tensor, lengths: Tensor) -> Tensor:
        """Level [B, 1] that signals [B, T] are divided by."""
        return rms(signal, lengths) if self.config.normalise else torch.ones_like(signal[:, :1])


class ResidualEmbedder(nn.Module):
    """Speaker encoder: channel norm, 1×1, residual blocks, 1×1, and the mean over the true frames.

    `channels` are those of the first 1×1 and of the output of each residual block.
    """

    def __init__(self, *, num_features: int, channels: tuple[int, ...], embedding_dim: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(num_features)
        self.input = nn.Conv1d(num_features, channels[0], 1)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels_in=before, channels_out=after) for before, after in pairwise(channels)
        )
        self.output = nn.Conv1d(channels[-1], embedding_dim, 1)

    def forward(self, features: Tensor, counts: Tensor) -> Tensor:
        """Features [B, N, K], of which the first `counts` [B] are true frames, to [B, D]."""
        # The pooling needs some frames: zeros are appended to a shorter enrollment.
        least = POOL ** len(self.blocks)
        features = F.pad(features, (0, max(0, least - features.shape[-1])))
        counts = counts.clamp_min(least)
        hidden = self.input(self.norm(features))
        for block in self.blocks:
            hidden = block(hidden, frame_mask(counts, num_frames=hidden.shape[-1]))
            counts = counts // POOL
        mask = frame_mask(counts, num_frames=hidden.shape[-1])
        return mean_over_frames(self.output(hidden), mask)


class ResidualBlock(nn.Module):
    """Two 1×1 convolutions with batch norm, a shortcut, and the maximum of each three frames."""

    def __init__(self, *, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels_in, channels_out, 1, bias=False)
        self.first_norm = MaskedBatchNorm(channels_out)
        self.first_activation = PReLU()
        self.second = nn.Conv1d(channels_out, channels_out, 1, bias=False)
        self.second_norm = MaskedBatchNorm(channels_out)
        self.second_activation = PReLU()
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Conv1d(channels_in, channels_out, 1, bias=False)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] to features [B, M, K/3]; a last one or two frames are left out."""
        hidden = self.first_activation(self.first_norm.masked(self.first(features), mask))
        hidden = self.second_norm.masked(self.second(hidden), mask)
        return F.max_pool1d(self.second_activation(hidden + self.shortcut(features)), POOL)


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation whose statistics leave out the frames past the end of a signal."""

    def masked(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Normalise features [B, N, K]; frames past the end are undefined."""
        if mask is None or not self.training:
            normed: Tensor = self(features)
            return normed
        inside = mask[:, 0] > 0
        frames = features.transpose(1, 2)
        normed = frames.new_zeros(frames.shape)
        normed[inside] = self(frames[inside])
        return normed.transpose(1, 2)
