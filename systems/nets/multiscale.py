"""Filterbanks of several lengths and clue-informed stacks of SpEx+ (Ge et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .filterbank import Encoder
from .tcn import Block, BlockSizes


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSizes:
    """Sizes of filterbanks of several lengths."""

    num_filters: int  # N, of each length
    filter_lengths: tuple[int, ...]  # in samples, the shortest first
    stride: int  # in samples
    covering: bool = True  # see `Encoder`
    bias: bool = False


class MultiScaleEncoder(nn.Module):
    """Encoders of several filter lengths, the shortest first, whose frames start at the same samples.

    All have the frames of the shortest, see `Encoder` for `covering`; zeros follow the signal for the longer ones.
    """

    def __init__(self, sizes: ScaleSizes) -> None:
        super().__init__()
        shortest, *longer = sizes.filter_lengths
        self.short = Encoder(
            num_filters=sizes.num_filters,
            filter_length=shortest,
            stride=sizes.stride,
            covering=sizes.covering,
            bias=sizes.bias,
        )
        self.longer = nn.ModuleList(
            nn.Conv1d(1, sizes.num_filters, length, stride=sizes.stride, bias=sizes.bias) for length in longer
        )
        self.filter_lengths = sizes.filter_lengths

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames [B] of signals of these lengths [B]."""
        return self.short.frame_counts(lengths)

    def forward(self, signal: Tensor) -> list[Tensor]:
        """Signal [B, T] to non-negative features [B, N, K], one for each filter length."""
        features: list[Tensor] = [self.short(signal)]
        reach = (features[0].shape[-1] - 1) * self.short.stride
        before = self.short.before
        for length, filters in zip(self.filter_lengths[1:], self.longer, strict=True):
            padded = F.pad(signal, (before, reach + length - before - signal.shape[-1]))
            features.append(F.relu(filters(padded[:, None])))
        return features


class MultiScaleDecoder(nn.Module):
    """One overlap-add of learned basis signals for each filter length of a `MultiScaleEncoder`.

    Signals are zero after the end of their last frame.
    """

    def __init__(self, sizes: ScaleSizes) -> None:
        super().__init__()
        self.before = sizes.filter_lengths[0] - sizes.stride if sizes.covering else 0
        self.filter_lengths, self.stride = sizes.filter_lengths, sizes.stride
        self.bases = nn.ModuleList(
            nn.ConvTranspose1d(sizes.num_filters, 1, length, stride=sizes.stride, bias=sizes.bias)
            for length in sizes.filter_lengths
        )

    def forward(self, features: Sequence[Tensor], counts: Tensor, *, num_samples: int) -> list[Tensor]:
        """Features [B, N, K] of `counts` [B] frames to signals [B, T], T = `num_samples`, for each filter length."""
        return [
            self._signal(basis(masked)[:, 0], (counts - 1) * self.stride + length - self.before, num_samples)
            for basis, masked, length in zip(self.bases, features, self.filter_lengths, strict=True)
        ]

    def _signal(self, added: Tensor, ends: Tensor, num_samples: int) -> Tensor:
        """Cut to the samples, which are zero from `ends` [B] on: a basis with a bias is not zero where no frame is."""
        stop = self.before + num_samples
        signal = F.pad(added[:, self.before : stop], (0, max(0, stop - added.shape[-1])))
        inside = torch.arange(num_samples, device=signal.device) < ends[:, None]
        return torch.where(inside, signal, torch.zeros_like(signal))


class ChannelNorm(nn.Module):
    """Channel-wise layer norm: each frame on its own, over its channels."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(num_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, N, K] to features of the same shape."""
        normed: Tensor = self.norm(features.transpose(1, 2))
        return normed.transpose(1, 2)


class InformedStack(nn.Module):
    """Stack whose first block takes the embedding [B, D] as additional input channels."""

    def __init__(self, sizes: BlockSizes, *, num_blocks: int, embedding_dim: int) -> None:
        super().__init__()
        self.first, *others = (Block(sizes, dilation=2**index) for index in range(num_blocks))
        self.others = nn.ModuleList(others)
        # The columns of the first 1×1 for the embedding, which is the same in every frame.
        self.clue = nn.Linear(embedding_dim, sizes.hidden, bias=False)

    def forward(self, features: Tensor, embedding: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] and embedding [B, D] to features [B, N, K]."""
        widened = self.first.widen(features) + self.clue(embedding)[:, :, None]
        features = features + self.first.paths(widened, mask)[0]
        for block in self.others:
            features, _ = block(features, mask)
        return features
