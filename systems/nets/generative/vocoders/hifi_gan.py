"""Generator of HiFi-GAN (Kong et al., 2020) with the names of the public weights, weight norm folded in.

Facts of jik876/hifi-gan and of AudioLDM's copy, whose first layer takes `num_mels` instead of 80 bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.1
_LAST_SLOPE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSizes:
    """Sizes of a generator by the keys of its public config; the defaults are those of AudioLDM at 16 kHz."""

    num_mels: int = 64
    upsample_rates: tuple[int, ...] = (5, 4, 2, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 8, 4, 4)
    upsample_initial_channel: int = 1024
    resblock: str = "1"  # "1" with two convolutions for each dilation, "2" with one
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))

    def channels(self, stage: int) -> int:
        """Channels after so many of the upsampling layers."""
        return self.upsample_initial_channel >> stage


class HifiGanGenerator(nn.Module):
    """Transposed convolutions, each followed by the mean of residual blocks of several kernels."""

    def __init__(self, sizes: GeneratorSizes) -> None:
        super().__init__()
        self.conv_pre = nn.Conv1d(sizes.num_mels, sizes.upsample_initial_channel, 7, padding=3)
        self.ups = nn.ModuleList(upsampling(sizes, stage) for stage in range(len(sizes.upsample_rates)))
        shapes = list(zip(sizes.resblock_kernel_sizes, sizes.resblock_dilation_sizes, strict=True))
        self.resblocks = nn.ModuleList(
            _ResidualBlock(sizes.channels(stage + 1), kernel, dilations, paired=sizes.resblock == "1")
            for stage in range(len(sizes.upsample_rates))
            for kernel, dilations in shapes
        )
        self.conv_post = nn.Conv1d(sizes.channels(len(sizes.upsample_rates)), 1, 7, padding=3)
        self._kernels = len(shapes)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Log-mel spectra [B, n_mels, K] to waveforms [B, K·hop]."""
        hidden: Tensor = self.conv_pre(log_mel)
        for stage, up in enumerate(self.ups):
            hidden = up(F.leaky_relu(hidden, _SLOPE))
            blocks = self.resblocks[stage * self._kernels : (stage + 1) * self._kernels]
            hidden = torch.stack([block(hidden) for block in blocks]).mean(dim=0)
        return torch.tanh(self.conv_post(F.leaky_relu(hidden, _LAST_SLOPE)))[:, 0]


class _ResidualBlock(nn.Module):
    """Dilated convolutions with residuals; `paired` has a second, undilated one after each."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...], *, paired: bool) -> None:
        super().__init__()
        dilated = nn.ModuleList(same(channels, kernel, dilation) for dilation in dilations)
        if paired:
            self.convs1 = dilated
            self.convs2 = nn.ModuleList(same(channels, kernel, 1) for _ in dilations)
        else:
            self.convs = dilated
        self._paired = paired

    def forward(self, hidden: Tensor) -> Tensor:
        if not self._paired:
            for convolution in self.convs:
                hidden = hidden + convolution(F.leaky_relu(hidden, _SLOPE))
            return hidden
        for first, second in zip(self.convs1, self.convs2, strict=True):
            residual = second(F.leaky_relu(first(F.leaky_relu(hidden, _SLOPE)), _SLOPE))
            hidden = hidden + residual
        return hidden


def upsampling(sizes: GeneratorSizes, stage: int) -> nn.ConvTranspose1d:
    """Transposed convolution of a stage."""
    rate, kernel = sizes.upsample_rates[stage], sizes.upsample_kernel_sizes[stage]
    channels = sizes.channels(stage), sizes.channels(stage + 1)
    return nn.ConvTranspose1d(*channels, kernel, rate, padding=(kernel - rate) // 2)


def same(channels: int, kernel: int, dilation: int) -> nn.Conv1d:
    """Convolution that keeps channels and frames."""
    return nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2)
