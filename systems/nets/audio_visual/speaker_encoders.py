"""Encoders of the voice in an intermediate estimate, of reentry and MuSE."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ..enrollment import mean_over_frames
from ..multiscale import ChannelNorm
from ..tcn import GlobalLayerNorm, PReLU, apply_mask, frame_mask

_POOL = 3
_BLOCKS = 3
_DROPOUT = 0.9


class VoiceEncoder(nn.Module):
    """1×1, three residual blocks with a pool of 3 frames each, 1×1, and the mean over the true frames.

    Args:
        channels_in: channels of the features.
        channels: B, channels of the blocks and of the embedding.
        channel_norm: normalise the features of each frame first, as reentry does.
        dropout: set 90 % of the channels before the last 1×1 to zero in training, as reentry does.
    """

    def __init__(self, *, channels_in: int, channels: int, channel_norm: bool, dropout: bool) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels_in) if channel_norm else nn.Identity()
        self.input = nn.Conv1d(channels_in, channels, 1, bias=False)
        self.blocks = nn.ModuleList(_ResidualBlock(channels) for _ in range(_BLOCKS))
        self.dropout = nn.Dropout(_DROPOUT) if dropout else nn.Identity()
        self.output = nn.Conv1d(channels, channels, 1)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] with the mask of their frames to embeddings [B, D]."""
        counts = None if mask is None else mask.sum(dim=(1, 2)).long()
        if (missing := _POOL**_BLOCKS - features.shape[-1]) > 0:
            counts = features.new_full((len(features),), features.shape[-1]).long() if counts is None else counts
            features = F.pad(features, (0, missing))
        hidden = apply_mask(self.input(self.norm(features)), _mask(counts, features))
        for block in self.blocks:
            hidden = block(hidden, _mask(counts, hidden))
            counts = None if counts is None else (counts // _POOL).clamp_min(1)
        return mean_over_frames(self.output(self.dropout(hidden)), _mask(counts, hidden))


class _ResidualBlock(nn.Module):
    """Two 1×1 convolutions with global norms, the shortcut, and the mean of each three frames."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, channels, 1, bias=False)
        self.first_norm = GlobalLayerNorm(channels)
        self.first_activation = PReLU()
        self.second = nn.Conv1d(channels, channels, 1, bias=False)
        self.second_norm = GlobalLayerNorm(channels)
        self.second_activation = PReLU()

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] to features [B, N, K/3]."""
        hidden = self.first_activation(self.first_norm(apply_mask(self.first(features), mask), mask))
        hidden = self.second_norm(apply_mask(self.second(hidden), mask), mask)
        return F.avg_pool1d(apply_mask(self.second_activation(hidden + features), mask), _POOL)


def _mask(counts: Tensor | None, features: Tensor) -> Tensor | None:
    return None if counts is None else frame_mask(counts, num_frames=features.shape[-1])
