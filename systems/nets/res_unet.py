"""ResUNet of AudioSep: a U-Net on magnitudes, shifted by a text's embedding, that estimates a complex mask.

Kong et al., "Decoupling Magnitude and Phase Estimation with Deep ResUNet", ISMIR 2021, with the conditioning and the
names of weights of Liu et al., "Separate Anything You Describe", 2023 (github.com/Audio-AGI/AudioSep, MIT).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.validation import StrictModel

_Size = Annotated[int, Field(gt=0, le=8192)]
_LEAK = 0.01
_LEVELS = 6
_TIME_LEVELS = 5  # the sixth level halves frequency alone
_QUIET = 1e-10  # smallest power of a bin, and smallest magnitude of a mask's direction

Shifts = Mapping[str, Tensor]
"""Shifts [B, C, 1, 1] by the path of the norm that they follow."""


class ResUnetConfig(StrictModel):
    """Sizes of the network.

    Attributes:
        bins: half the length of the window in samples, a multiple of 64.
        widths: channels after the six levels and after the middle.
        clue: entries of the embedding of a text.
    """

    bins: Annotated[int, Field(gt=0, le=8192, multiple_of=2**_LEVELS)] = 1024
    widths: tuple[_Size, _Size, _Size, _Size, _Size, _Size, _Size] = (32, 64, 128, 256, 384, 384, 384)
    clue: _Size = 512

    @property
    def window(self) -> int:
        """Length of the window in samples."""
        return 2 * self.bins

    @property
    def hop(self) -> int:
        """Hop in samples: 320 for the published window of 2048."""
        return self.window * 5 // 32


class _ResBlock(nn.Module):
    """Two 3×3 convolutions, each after a norm, a shift and a leaky ReLU, beside a shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(before), nn.BatchNorm2d(after)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, features: Tensor, shifts: Shifts, path: str) -> Tensor:
        hidden = self.conv1(F.leaky_relu(self.bn1(features) + shifts[f"{path}->beta1"], _LEAK))
        hidden = self.conv2(F.leaky_relu(self.bn2(hidden) + shifts[f"{path}->beta2"], _LEAK))
        total: Tensor = self.shortcut(features) + hidden
        return total


class _Down(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv_block1 = _ResBlock(before, after)

    def forward(self, features: Tensor, shifts: Shifts, path: str) -> Tensor:
        kept: Tensor = self.conv_block1(features, shifts, f"{path}->conv_block1")
        return kept


class _Up(nn.Module):
    def __init__(self, before: int, after: int, *, stride: tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = nn.ConvTranspose2d(before, after, stride, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(before)
        self.conv_block2 = _ResBlock(2 * after, after)
        self.bn2 = nn.BatchNorm2d(before)  # in the public files, and without use there

    def forward(self, features: Tensor, kept: Tensor, shifts: Shifts, path: str) -> Tensor:
        raised = self.conv1(F.leaky_relu(self.bn1(features) + shifts[f"{path}->beta1"], _LEAK))
        joined: Tensor = self.conv_block2(torch.cat((raised, kept), dim=1), shifts, f"{path}->conv_block2")
        return joined


class _Base(nn.Module):
    """The U-Net without its conditioning: magnitudes [B, 1, K, bins + 1] to logits [B, 3, K, bins + 1] of a mask."""

    def __init__(self, config: ResUnetConfig) -> None:
        super().__init__()
        widths = config.widths
        self.bn0 = nn.BatchNorm2d(config.bins + 1)
        self.pre_conv = nn.Conv2d(1, widths[0], 1)
        inputs = (widths[0], *widths[:-1])
        for level in range(_LEVELS):
            self.add_module(f"encoder_block{level + 1}", _Down(inputs[level], widths[level]))
        self.conv_block7a = _Down(inputs[-1], widths[-1])
        for number, level in enumerate(reversed(range(_LEVELS)), 1):
            self.add_module(f"decoder_block{number}", _Up(widths[level + 1], widths[level], stride=_stride(level)))
        self.after_conv = nn.Conv2d(widths[0], 3, 1)

    def forward(self, magnitude: Tensor, shifts: Shifts) -> Tensor:
        frames = magnitude.shape[2]
        levelled = self.bn0(magnitude.transpose(1, 3)).transpose(1, 3)
        padded = F.pad(levelled, (0, 0, 0, -frames % 2**_TIME_LEVELS))
        features, kept = self.pre_conv(padded[..., :-1]), list[Tensor]()
        for level in range(_LEVELS):
            name = f"encoder_block{level + 1}"
            kept.append(self.get_submodule(name)(features, shifts, name))
            features = F.avg_pool2d(kept[-1], _stride(level))
        features = self.conv_block7a(features, shifts, "conv_block7a")
        for number in range(1, _LEVELS + 1):
            name = f"decoder_block{number}"
            features = self.get_submodule(name)(features, kept.pop(), shifts, name)
        return F.pad(self.after_conv(features), (0, 1))[:, :, :frames]


class ResUnet(nn.Module):
    """Extraction of what a text's embedding describes, from one channel."""

    def __init__(self, config: ResUnetConfig) -> None:
        super().__init__()
        self.config = config
        self.base = _Base(config)
        self.film = nn.ModuleDict({name: nn.Linear(config.clue, size) for name, size in _shifted(self.base)})

    def forward(self, mixture: Tensor, clue: Tensor) -> Tensor:
        """Estimates [B, T] of mixtures [B, T] for embeddings [B, clue]."""
        c, samples = self.config, mixture.shape[-1]
        window = torch.hann_window(c.window, device=mixture.device, dtype=mixture.dtype)
        padded = F.pad(mixture, (0, max(0, c.window - samples)))  # reflection needs half a window
        spectrum = torch.stft(
            padded, c.window, c.hop, window=window, center=True, pad_mode="reflect", return_complex=True
        )[:, None].transpose(2, 3)
        magnitude = (spectrum.real.square() + spectrum.imag.square()).clamp_min(_QUIET).sqrt()
        shifts = {name: layer(clue)[:, :, None, None] for name, layer in self.film.items()}
        gain, real, imag = self.base(magnitude, shifts).chunk(3, dim=1)
        real, imag = torch.tanh(real), torch.tanh(imag)
        size = (real.square() + imag.square()).sqrt().clamp_min(_QUIET)
        masked = spectrum * torch.sigmoid(gain) * torch.complex(real / size, imag / size)
        estimate = torch.istft(
            masked[:, 0].transpose(1, 2), c.window, c.hop, window=window, center=True, length=padded.shape[-1]
        )
        return estimate[:, :samples]


def _stride(level: int) -> tuple[int, int]:
    return (2, 2) if level < _TIME_LEVELS else (1, 2)


def _shifted(base: nn.Module) -> list[tuple[str, int]]:
    """Path and channels of each norm that is shifted."""
    found: list[tuple[str, int]] = []
    for path, module in base.named_modules():
        if isinstance(module, _ResBlock):
            name = path.replace(".", "->")
            found += [(f"{name}->beta1", module.bn1.num_features), (f"{name}->beta2", module.bn2.num_features)]
        elif isinstance(module, _Up):
            found += [(f"{path}->beta1", module.bn1.num_features), (f"{path}->beta2", module.bn2.num_features)]
    return found
