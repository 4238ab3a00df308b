"""Layers of NCSN++ (Song et al., "Score-Based Generative Modeling through SDEs", ICLR 2021, appendix H).

Attributes have the names of the public code, in its order, so that its weights load as they are. Features are
[B, C, F, K] with C channels, F bins and K frames; the embedding of time and clue is [B, E].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SMALL = 1e-5  # gain of layers that start near zero
_TAPS = (1.0, 3.0, 3.0, 1.0)


def downsample(features: Tensor) -> Tensor:
    """Filter by the taps 1, 3, 3, 1 and keep every second bin and frame."""
    return F.conv2d(features, _kernel(features), stride=2, padding=1, groups=features.shape[1])


def upsample(features: Tensor) -> Tensor:
    """Put zeros between bins and frames and filter by the taps 1, 3, 3, 1; constants stay as they are."""
    kernel = 4.0 * _kernel(features)
    return F.conv_transpose2d(features, kernel, stride=2, padding=1, groups=features.shape[1])


def _kernel(features: Tensor) -> Tensor:
    """Filter [C, 1, 4, 4] of sum 1."""
    taps = features.new_tensor(_TAPS) / sum(_TAPS)
    return torch.outer(taps, taps).expand(features.shape[1], 1, 4, 4)


def convolution(inputs: int, outputs: int, *, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    """Convolution that keeps the size, with uniform Glorot weights times `gain` and no bias at first."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.xavier_uniform_(layer.weight, gain=gain)
    nn.init.zeros_(layer.bias if layer.bias is not None else layer.weight)
    return layer


def last_convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """3×3 convolution whose output is near zero at first."""
    return convolution(inputs, outputs, kernel=3, gain=_SMALL)


def dense(inputs: int, outputs: int) -> nn.Linear:
    """Linear layer with uniform Glorot weights and no bias at first."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def group_norm(channels: int) -> nn.GroupNorm:
    """Normalise groups of 4 channels or more, at most 32 groups."""
    return nn.GroupNorm(min(channels // 4, 32), channels, eps=1e-6)


class FourierFeatures(nn.Module):
    """Sines and cosines of log t at random fixed frequencies, which are a weight without a gradient."""

    def __init__(self, size: int, *, scale: float) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(size) * scale, requires_grad=False)

    def forward(self, time: Tensor) -> Tensor:
        """Times [B] above zero to features [B, 2 · size]."""
        phase = 2.0 * math.pi * torch.log(time)[:, None] * self.W
        return torch.cat((torch.sin(phase), torch.cos(phase)), dim=-1)


class PixelDense(nn.Module):
    """The same linear layer for each pixel [B, N, C]; weights are stored as [inputs, outputs]."""

    def __init__(self, channels: int, *, gain: float = 1.0) -> None:
        super().__init__()
        self.W = nn.Parameter(nn.init.xavier_uniform_(torch.empty(channels, channels), gain=gain))
        self.b = nn.Parameter(torch.zeros(channels))

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels [B, N, C] to pixels [B, N, C]."""
        return F.linear(pixels, self.W.T, self.b)


class PixelAttention(nn.Module):
    """Self-attention of one head over all pixels, added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.GroupNorm_0 = group_norm(channels)
        self.NIN_0 = PixelDense(channels)  # queries
        self.NIN_1 = PixelDense(channels)  # keys
        self.NIN_2 = PixelDense(channels)  # values
        self.NIN_3 = PixelDense(channels, gain=_SMALL)

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, C, F, K] to features of the same shape."""
        pixels = self.GroupNorm_0(features).flatten(2).transpose(1, 2)
        attended = F.scaled_dot_product_attention(self.NIN_0(pixels), self.NIN_1(pixels), self.NIN_2(pixels))
        change: Tensor = self.NIN_3(attended).transpose(1, 2).reshape(features.shape)
        return (features + change) / math.sqrt(2.0)


class PixelResidual(nn.Module):
    """Residual block of BigGAN: normalise, resample, convolve, add the embedding, normalise, convolve.

    Args:
        resample: "up" doubles bins and frames, "down" halves them, "" keeps them.
    """

    def __init__(self, inputs: int, outputs: int, *, embedding: int, resample: str = "") -> None:
        super().__init__()
        self.GroupNorm_0 = group_norm(inputs)
        self.Conv_0 = convolution(inputs, outputs, kernel=3)
        self.Dense_0 = dense(embedding, outputs)
        self.GroupNorm_1 = group_norm(outputs)
        self.Conv_1 = last_convolution(outputs, outputs)
        self.Conv_2 = convolution(inputs, outputs, kernel=1) if resample or inputs != outputs else None
        self._resample = {"up": upsample, "down": downsample, "": None}[resample]

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Features [B, C, F, K] and embedding [B, E] to features [B, C', F', K']."""
        hidden = F.silu(self.GroupNorm_0(features))
        if self._resample is not None:
            hidden, features = self._resample(hidden), self._resample(features)
        hidden = self.Conv_0(hidden) + self.Dense_0(F.silu(embedding))[:, :, None, None]
        hidden = F.silu(self.GroupNorm_1(hidden))
        change: Tensor = self.Conv_1(hidden)
        if self.Conv_2 is not None:
            features = self.Conv_2(features)
        return (features + change) / math.sqrt(2.0)


class PyramidSum(nn.Module):
    """Add the resampled input of the network, in as many channels as the features have."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.Conv_0 = convolution(inputs, outputs, kernel=1)

    def forward(self, pyramid: Tensor, features: Tensor) -> Tensor:
        """Input [B, I, F, K] and features [B, C, F, K] to features."""
        added: Tensor = self.Conv_0(pyramid) + features
        return added
