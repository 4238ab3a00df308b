"""Generator of BigVGAN (Lee et al., 2023) with the names of the public weights, weight norm folded in.

As HiFi-GAN, with periodic activations between a filtered doubling and halving of the rate. Facts of NVIDIA/BigVGAN;
version 2 has no tanh and no bias at the end.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .hifi_gan import GeneratorSizes, same, upsampling

_TAPS, _RATIO = 12, 2
_EPS = 1e-9


class BigVganGenerator(nn.Module):
    """Transposed convolutions, each followed by the mean of residual blocks with periodic activations.

    Args:
        beta: whether an activation has a magnitude of its own ("snakebeta"), or that of its frequency ("snake").
        log_scale: whether frequencies and magnitudes are logarithms.
        tanh: whether the last layer is tanh; otherwise the output is cut at ±1.
        bias: whether the last convolution has a bias.
    """

    def __init__(
        self, sizes: GeneratorSizes, *, beta: bool = True, log_scale: bool = True, tanh: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        self.conv_pre = nn.Conv1d(sizes.num_mels, sizes.upsample_initial_channel, 7, padding=3)
        self.ups = nn.ModuleList(
            nn.ModuleList([upsampling(sizes, stage)]) for stage in range(len(sizes.upsample_rates))
        )
        shapes = list(zip(sizes.resblock_kernel_sizes, sizes.resblock_dilation_sizes, strict=True))
        self.resblocks = nn.ModuleList(
            _PeriodicBlock(
                sizes.channels(stage + 1), kernel, dilations, paired=sizes.resblock == "1", beta=beta, log=log_scale
            )
            for stage in range(len(sizes.upsample_rates))
            for kernel, dilations in shapes
        )
        last = sizes.channels(len(sizes.upsample_rates))
        self.activation_post = _FilteredActivation(last, beta=beta, log=log_scale)
        self.conv_post = nn.Conv1d(last, 1, 7, padding=3, bias=bias)
        self._kernels = len(shapes)
        self._tanh = tanh

    def forward(self, log_mel: Tensor) -> Tensor:
        """Log-mel spectra [B, n_mels, K] to waveforms [B, K·hop]."""
        hidden: Tensor = self.conv_pre(log_mel)
        for stage in range(len(self.ups)):
            hidden = self.ups.get_submodule(f"{stage}.0")(hidden)
            blocks = self.resblocks[stage * self._kernels : (stage + 1) * self._kernels]
            hidden = torch.stack([block(hidden) for block in blocks]).mean(dim=0)
        signal: Tensor = self.conv_post(self.activation_post(hidden))[:, 0]
        return torch.tanh(signal) if self._tanh else signal.clamp(-1.0, 1.0)


class _PeriodicBlock(nn.Module):
    """AMP block: dilated convolutions with residuals, each after an activation."""

    def __init__(
        self, channels: int, kernel: int, dilations: tuple[int, ...], *, paired: bool, beta: bool, log: bool
    ) -> None:
        super().__init__()
        dilated = nn.ModuleList(same(channels, kernel, dilation) for dilation in dilations)
        if paired:
            self.convs1 = dilated
            self.convs2 = nn.ModuleList(same(channels, kernel, 1) for _ in dilations)
        else:
            self.convs = dilated
        count = len(dilations) * (2 if paired else 1)
        self.activations = nn.ModuleList(_FilteredActivation(channels, beta=beta, log=log) for _ in range(count))
        self._paired = paired

    def forward(self, hidden: Tensor) -> Tensor:
        if not self._paired:
            for convolution, activation in zip(self.convs, self.activations, strict=True):
                hidden = hidden + convolution(activation(hidden))
            return hidden
        pairs = zip(self.convs1, self.convs2, self.activations[::2], self.activations[1::2], strict=True)
        for first, second, before, between in pairs:
            hidden = hidden + second(between(first(before(hidden))))
        return hidden


class _FilteredActivation(nn.Module):
    """An activation at twice the rate, so that its harmonics do not fold back."""

    def __init__(self, channels: int, *, beta: bool, log: bool) -> None:
        super().__init__()
        self.act = _Snake(channels, beta=beta, log=log)
        self.upsample = _Upsampling()
        self.downsample = _Downsampling()

    def forward(self, features: Tensor) -> Tensor:
        found: Tensor = self.downsample(self.act(self.upsample(features)))
        return found


class _Snake(nn.Module):
    """x + sin²(α x)/β (Ziyin et al., 2020), for each channel; β = α without one of its own."""

    def __init__(self, channels: int, *, beta: bool, log: bool) -> None:
        super().__init__()
        first = torch.zeros(channels) if log else torch.ones(channels)
        self.alpha = nn.Parameter(first)
        self.beta = nn.Parameter(first.clone()) if beta else None
        self._log = log

    def forward(self, features: Tensor) -> Tensor:
        alpha: Tensor = self.alpha.exp() if self._log else self.alpha
        beta = alpha
        if self.beta is not None:
            beta = self.beta.exp() if self._log else self.beta
        wave = torch.sin(features * alpha[:, None]).square()
        return features + wave / (beta[:, None] + _EPS)


class _Upsampling(nn.Module):
    """Doubling of the rate by a windowed sinc."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", _low_pass())

    def forward(self, features: Tensor) -> Tensor:
        channels = features.shape[1]
        pad = _TAPS // _RATIO - 1
        padded = F.pad(features, (pad, pad), mode="replicate")
        found = _RATIO * F.conv_transpose1d(
            padded, self.filter.expand(channels, -1, -1), stride=_RATIO, groups=channels
        )
        left = pad * _RATIO + (_TAPS - _RATIO) // 2
        right = pad * _RATIO + (_TAPS - _RATIO + 1) // 2
        return found[..., left : found.shape[-1] - right]


class _Downsampling(nn.Module):
    """Halving of the rate after a windowed sinc."""

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = _LowPass()

    def forward(self, features: Tensor) -> Tensor:
        found: Tensor = self.lowpass(features)
        return found


class _LowPass(nn.Module):
    """Every second sample of a filtered signal."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", _low_pass())

    def forward(self, features: Tensor) -> Tensor:
        channels = features.shape[1]
        padded = F.pad(features, (_TAPS // 2 - 1, _TAPS // 2), mode="replicate")
        return F.conv1d(padded, self.filter.expand(channels, -1, -1), stride=_RATIO, groups=channels)


def _low_pass() -> Tensor:
    """Sinc [1, 1, taps] with its cutoff at a quarter of the rate, under Kaiser's window, of sum 1.

    The window's β by Kaiser's formula, for a transition of 0.3 on each side.
    """
    cutoff, half_width = 0.5 / _RATIO, 0.6 / _RATIO
    attenuation_db = 2.285 * (_TAPS // 2 - 1) * math.pi * 4.0 * half_width + 7.95
    if attenuation_db > 50.0:
        beta = 0.1102 * (attenuation_db - 8.7)
    else:
        beta = 0.5842 * (attenuation_db - 21.0) ** 0.4 + 0.07886 * (attenuation_db - 21.0)
    window = torch.kaiser_window(_TAPS, periodic=False, beta=beta)
    place = torch.arange(-_TAPS // 2, _TAPS // 2) + 0.5
    taps = 2.0 * cutoff * window * torch.sinc(2.0 * cutoff * place)
    return (taps / taps.sum()).reshape(1, 1, _TAPS)
