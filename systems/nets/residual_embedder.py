"""SpEx+'s speaker encoder: residual blocks with pooling over time (Ge et al., 2020)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from .enrollment import mean_over_frames
from .multiscale import ChannelNorm
from .tcn import PReLU, frame_mask

POOL = 3


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation whose statistics leave out the frames past the end of a signal."""

    def masked(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K]; what it gives past the end does not count."""
        if mask is None or not self.training:
            normed: Tensor = self(features)
            return normed
        inside = mask[:, 0] > 0
        frames = features.transpose(1, 2)
        normed = frames.new_zeros(frames.shape)
        normed[inside] = self(frames[inside])
        return normed.transpose(1, 2)


class ResidualBlock(nn.Module):
    """Two 1×1 convolutions with batch norm, a shortcut, and the maximum of each three frames.

    Args:
        channels_in: N.
        channels_out: M.
    """

    def __init__(self, *, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels_in, channels_out, 1, bias=False)
        self.first_norm = MaskedBatchNorm(channels_out)
        self.first_activation = PReLU()
        self.second = nn.Conv1d(channels_out, channels_out, 1, bias=False)
        self.second_norm = MaskedBatchNorm(channels_out)
        self.second_activation = PReLU()
        same = channels_in == channels_out
        self.shortcut = (
            nn.Identity() if same else nn.Conv1d(channels_in, channels_out, 1, bias=False)
        )

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] to features [B, M, K/3]; a last one or two frames are left out."""
        hidden = self.first_activation(self.first_norm.masked(self.first(features), mask))
        hidden = self.second_norm.masked(self.second(hidden), mask)
        return F.max_pool1d(self.second_activation(hidden + self.shortcut(features)), POOL)


class ResidualEmbedder(nn.Module):
    """Channel norm, 1×1, residual blocks, 1×1, and the mean over the true frames.

    Args:
        num_features: channels in.
        channels: of the first 1×1, and out of each residual block.
        embedding_dim: D.
    """

    def __init__(self, *, num_features: int, channels: tuple[int, ...], embedding_dim: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(num_features)
        self.input = nn.Conv1d(num_features, channels[0], 1)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels_in=before, channels_out=after)
            for before, after in pairwise(channels)
        )
        self.output = nn.Conv1d(channels[-1], embedding_dim, 1)

    def forward(self, features: Tensor, counts: Tensor) -> Tensor:
        """Features [B, N, K], of which the first `counts` [B] are true frames, to [B, D]."""
        # Too short an enrollment is heard with zeros behind it: the pooling needs some frames.
        least = POOL ** len(self.blocks)
        features = F.pad(features, (0, max(0, least - features.shape[-1])))
        counts = counts.clamp_min(least)
        hidden = self.input(self.norm(features))
        for block in self.blocks:
            hidden = block(hidden, frame_mask(counts, num_frames=hidden.shape[-1]))
            counts = counts // POOL
        mask = frame_mask(counts, num_frames=hidden.shape[-1])
        return mean_over_frames(self.output(hidden), mask)
