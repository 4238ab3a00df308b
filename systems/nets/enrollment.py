"""Enrollments: padding to a batch, and networks that compute and use one embedding of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ...core.validation import StrictModel
from .filterbank import Encoder, rms
from .speaker_head import SpeakerHead
from .tcn import BlockSizes, PReLU, Stack, apply_mask, layer_norm

Config = TypeVar("Config", bound=StrictModel)
Embedding = TypeVar("Embedding")


class EnrolledNet(nn.Module, ABC, Generic[Config, Embedding]):
    """Network that extracts the speaker of an enrollment from a mixture."""

    speakers: SpeakerHead | None  # classifier of the training speakers on the embedding; None has none

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.speakers = None

    @abstractmethod
    def embed(self, enrollment: Tensor, lengths: Tensor) -> Embedding:
        """Embeddings of enrollments [B, T'], zeros past the lengths [B]."""

    @abstractmethod
    def extract(self, mixture: Tensor, lengths: Tensor, embedding: Embedding) -> Tensor:
        """Estimates [B, T] from mixtures [B, T], zeros past the lengths [B]."""

    def forward(self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor) -> Tensor:
        """Estimates [B, T] from mixtures [B, T] and enrollments [B, T'], zeros past the lengths [B]."""
        return self.extract(mixture, lengths, self.embed(enrollment, enrollment_lengths))


AnyEnrolledNet = EnrolledNet[Any, Any]


def join_enrollments(enrollments: Sequence[Sequence[Tensor]], *, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Pad the enrollments [T_k] of B queries to signals [B, T], zeros past the lengths [B].

    Several of one query are concatenated; a query without any gets one zero.
    """
    joined = [torch.cat([*signals]) if signals else torch.zeros(1) for signals in enrollments]
    lengths = torch.tensor([len(signal) for signal in joined], device=device)
    return pad_sequence([signal.to(device) for signal in joined], batch_first=True), lengths


def mean_over_frames(features: Tensor, mask: Tensor | None) -> Tensor:
    """Mean [B, N] of features [B, N, K] over the frames of the mask [B, 1, K]."""
    if mask is None:
        return features.mean(dim=-1)
    return apply_mask(features, mask).sum(dim=-1) / mask.to(features.dtype).sum(dim=-1)


class StackEmbedder(nn.Module):
    """Auxiliary network of TD-SpeakerBeam: encoder, one stack, 1×1, mean over time.

    Without skip paths the embedding is taken from the residual path. `normalise` scales enrollments to unit RMS.
    """

    def __init__(
        self, encoder: Encoder, sizes: BlockSizes, *, blocks: int, embedding_dim: int, normalise: bool = True
    ) -> None:
        super().__init__()
        self.normalises = normalise
        self.encoder = encoder
        self.norm = layer_norm(sizes.norm, encoder.filters.out_channels)
        self.bottleneck = nn.Conv1d(encoder.filters.out_channels, sizes.bottleneck, 1)
        self.stack = Stack(sizes, num_blocks=blocks)
        self.activation = PReLU()
        self.output = nn.Conv1d(sizes.skip or sizes.bottleneck, embedding_dim, 1)

    def forward(self, signals: Tensor, lengths: Tensor) -> Tensor:
        """Enrollments [B, T], zeros past the lengths [B], to embeddings [B, D]."""
        return mean_over_frames(*self.frames(signals, lengths))

    def frames(self, signals: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features [B, D, K] of signals [B, T], whose mean is the embedding, and the mask of frames."""
        levelled = signals / rms(signals, lengths) if self.normalises else signals
        encoded, mask = self.encoder.with_mask(levelled, lengths)
        features = apply_mask(self.bottleneck(self.norm(encoded, mask)), mask)
        features, skipped = self.stack(features, mask)
        total = features if skipped is None else skipped
        return self.output(self.activation(total)), mask
