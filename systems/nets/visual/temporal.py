"""Temporal convolutions over the features of pictures."""

from __future__ import annotations

from torch import Tensor, nn

from ..past import Past
from ..tcn import GlobalLayerNorm, PReLU


class VisualBlocks(nn.Module):
    """Residual blocks over pictures, without a change of size.

    With `hidden` = None they are those of MuSE and AV-ConvTasNet: ReLU, batch norm, depthwise convolution of three
    pictures, PReLU, batch norm, 1×1. With `hidden` those of reentry: ReLU, norm, 1×1 to `hidden` channels, ReLU, norm,
    depthwise convolution, PReLU, norm, 1×1, with global layer norms. Items of a batch must have one number of pictures.
    """

    def __init__(self, num_channels: int, *, blocks: int, hidden: int | None = None) -> None:
        super().__init__()
        build = _plain if hidden is None else widened_block
        self.blocks = nn.ModuleList(build(num_channels, hidden or num_channels) for _ in range(blocks))

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, D, F] to features of the same shape."""
        for block in self.blocks:
            features = features + block(features)
        return features


def _plain(channels: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.BatchNorm1d(channels),
        nn.Conv1d(channels, channels, 3, padding=1, groups=channels, bias=False),
        PReLU(),
        nn.BatchNorm1d(hidden),
        nn.Conv1d(channels, channels, 1, bias=False),
    )


def widened_block(channels: int, hidden: int) -> nn.Sequential:
    """Residual branch of a block of reentry, for features [B, D, F] of items of one size."""
    return nn.Sequential(
        nn.ReLU(),
        _GlobalNorm(channels),
        nn.Conv1d(channels, hidden, 1, bias=False),
        nn.ReLU(),
        _GlobalNorm(hidden),
        nn.Conv1d(hidden, hidden, 3, padding=1, groups=hidden, bias=False),
        PReLU(),
        _GlobalNorm(hidden),
        nn.Conv1d(hidden, channels, 1, bias=False),
    )


class _GlobalNorm(GlobalLayerNorm):
    """Global layer norm of unpadded features."""

    def forward(self, features: Tensor, mask: Tensor | None = None, past: Past | None = None) -> Tensor:
        return super().forward(features, mask, past)
