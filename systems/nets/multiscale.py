"""Filterbanks of several lengths and clue-informed stacks of SpEx+ (Ge et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from .filterbank import Encoder
from .tcn import Block, BlockSizes


class MultiScaleEncoder(nn.Module):
    """Encoders of several filter lengths, the shortest first, whose frames start at the same samples."""

    def __init__(self, *, num_filters: int, filter_lengths: Sequence[int], stride: int) -> None:
        super().__init__()
        self.short = Encoder(num_filters=num_filters, filter_length=filter_lengths[0], stride=stride)
        self.longer = nn.ModuleList(
            nn.Conv1d(1, num_filters, length, stride=stride, bias=False) for length in filter_lengths[1:]
        )
        self.filter_lengths = tuple(filter_lengths)

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames [B] that touch signals of these lengths [B]."""
        return self.short.frame_counts(lengths)

    def forward(self, signal: Tensor) -> list[Tensor]:
        """Signal [B, T] to non-negative features [B, N, K], one for each filter length."""
        features: list[Tensor] = [self.short(signal)]
        reach = (features[0].shape[-1] - 1) * self.short.stride
        before = self.short.filter_length - self.short.stride
        for length, filters in zip(self.filter_lengths[1:], self.longer, strict=True):
            padded = F.pad(signal, (before, reach + length - before - signal.shape[-1]))
            features.append(F.relu(filters(padded[:, None])))
        return features


class MultiScaleDecoder(nn.Module):
    """One overlap-add of learned basis signals for each filter length of a `MultiScaleEncoder`."""

    def __init__(self, *, num_filters: int, filter_lengths: Sequence[int], stride: int) -> None:
        super().__init__()
        self.before = filter_lengths[0] - stride
        self.bases = nn.ModuleList(
            nn.ConvTranspose1d(num_filters, 1, length, stride=stride, bias=False) for length in filter_lengths
        )

    def forward(self, features: Sequence[Tensor], *, num_samples: int) -> list[Tensor]:
        """Features [B, N, K] to signals [B, T], T = `num_samples`, for each filter length."""
        stop = self.before + num_samples
        pairs = zip(self.bases, features, strict=True)
        return [basis(masked)[:, 0, self.before : stop] for basis, masked in pairs]


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
