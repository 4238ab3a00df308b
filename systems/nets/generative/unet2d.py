"""2-D U-Net on spectra, conditioned on time and class: the network of DPM-TSE (Hai et al., 2024).

Its weights have the names and shapes of `UNet2DModel` of diffusers with positional time embedding and class embedding,
so that published weights can be loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .step_waves import step_waves

_EPSILON = 1e-5


class UNet2d(nn.Module):
    """Maps [B, in_channels, F, N] to [B, out_channels, F, N] at B time steps, for B conditions.

    Level i has `widths[i]` channels, and half of the rows and columns of the level above. F and N are multiples of
    `factor`.

    Args:
        widths: channels of each level, each a multiple of `groups`.
        attention: whether each level has attention after its residual blocks; the middle always has.
        layers: residual blocks of a level on the way down; there is one more on the way up.
        num_classes: V, size of the vocabulary.
        head_dim: channels of an attention head.
        groups: groups of the normalisation.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int],
        attention: Sequence[bool],
        layers: int,
        num_classes: int,
        head_dim: int,
        groups: int = 32,
    ) -> None:
        super().__init__()
        if len(widths) != len(attention):
            raise ValueError(f"{len(widths)} widths and {len(attention)} choices of attention; give one for each level")
        wrong = [width for width in widths if width % groups or width % head_dim]
        if wrong:
            raise ValueError(f"a level has {wrong[0]} channels; a multiple of {groups} and of {head_dim} is needed")
        embedding = 4 * widths[0]
        block = _BlockSizes(embedding=embedding, groups=groups, head_dim=head_dim)
        self.factor = 2 ** (len(widths) - 1)
        self.conv_in = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.time_embedding = StepEmbedding(widths[0], embedding)
        self.class_embedding = nn.Embedding(num_classes, embedding)
        self.down_blocks = nn.ModuleList()
        channels, skips = widths[0], [widths[0]]
        for level, (width, attend) in enumerate(zip(widths, attention, strict=True)):
            last = level == len(widths) - 1
            self.down_blocks.append(DownBlock(block, channels, width, layers=layers, attend=attend, down=not last))
            skips += [width] * (layers + (not last))
            channels = width
        self.mid_block = MidBlock(block, channels)
        self.up_blocks = nn.ModuleList()
        for level in reversed(range(len(widths))):
            taken = [skips.pop() for _ in range(layers + 1)]
            up = UpBlock(block, channels, widths[level], skips=taken, attend=attention[level], up=level > 0)
            self.up_blocks.append(up)
            channels = widths[level]
        self.conv_norm_out = nn.GroupNorm(groups, channels, eps=_EPSILON)
        self.conv_out = nn.Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, signal: Tensor, step: Tensor, classes: Tensor) -> Tensor:
        """Signals [B, C, F, N], time steps [B] (0..999 in the paper) and class numbers [B] to [B, C', F, N]."""
        embedding = self.time_embedding(step) + self.class_embedding(classes)
        hidden = self.conv_in(signal)
        skips = [hidden]
        for down in self.down_blocks:
            hidden = down(hidden, embedding, skips)
        hidden = self.mid_block(hidden, embedding)
        for up in self.up_blocks:
            hidden = up(hidden, embedding, skips)
        out: Tensor = self.conv_out(F.silu(self.conv_norm_out(hidden)))
        return out


class _BlockSizes:
    """Sizes that all residual and attention blocks share."""

    def __init__(self, *, embedding: int, groups: int, head_dim: int) -> None:
        self.embedding = embedding
        self.groups = groups
        self.head_dim = head_dim


class StepEmbedding(nn.Module):
    """Cosines and sines of a time step, then two linear layers."""

    def __init__(self, waves: int, dim: int) -> None:
        super().__init__()
        self._waves = waves
        self.linear_1 = nn.Linear(waves, dim)
        self.linear_2 = nn.Linear(dim, dim)

    def forward(self, step: Tensor) -> Tensor:
        """Steps [B] to [B, D]."""
        waves = step_waves(step, self._waves).to(self.linear_1.weight.dtype)
        embedding: Tensor = self.linear_2(F.silu(self.linear_1(waves)))
        return embedding


class ConditionedBlock(nn.Module):
    """Two convolutions with group normalisation; the embedding is added between them."""

    def __init__(self, block: _BlockSizes, channels_in: int, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(block.groups, channels_in, eps=_EPSILON)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.time_emb_proj = nn.Linear(block.embedding, channels)
        self.norm2 = nn.GroupNorm(block.groups, channels, eps=_EPSILON)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else None

    def forward(self, signal: Tensor, embedding: Tensor) -> Tensor:
        """[B, C, F, N] and [B, D] to [B, C', F, N]."""
        hidden: Tensor = self.conv1(F.silu(self.norm1(signal)))
        hidden = hidden + self.time_emb_proj(F.silu(embedding))[:, :, None, None]
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        past: Tensor = signal if self.conv_shortcut is None else self.conv_shortcut(signal)
        return past + hidden


class Attention(nn.Module):
    """Self-attention over all places of a level."""

    def __init__(self, block: _BlockSizes, channels: int) -> None:
        super().__init__()
        self._heads = channels // block.head_dim
        self.group_norm = nn.GroupNorm(block.groups, channels, eps=_EPSILON)
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, signal: Tensor) -> Tensor:
        """[B, C, F, N] to [B, C, F, N]."""
        places = self.group_norm(signal).flatten(2).transpose(1, 2)
        heads = [
            layer(places).unflatten(2, (self._heads, -1)).transpose(1, 2) for layer in (self.to_q, self.to_k, self.to_v)
        ]
        attended = F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
        change: Tensor = self.to_out[0](attended).transpose(1, 2).unflatten(2, signal.shape[2:])
        return signal + change


class DownBlock(nn.Module):
    """Residual blocks of a level on the way down, and a strided convolution to the next level."""

    def __init__(
        self, block: _BlockSizes, channels_in: int, channels: int, *, layers: int, attend: bool, down: bool
    ) -> None:
        super().__init__()
        inputs = [channels_in] + [channels] * (layers - 1)
        self.resnets = nn.ModuleList(ConditionedBlock(block, each, channels) for each in inputs)
        self.attentions = nn.ModuleList(Attention(block, channels) for _ in inputs) if attend else None
        self.downsamplers = nn.ModuleList([Downsampler(channels)]) if down else None

    def forward(self, signal: Tensor, embedding: Tensor, skips: list[Tensor]) -> Tensor:
        """[B, C, F, N] to [B, C', F', N']; every result on the way is added to `skips`."""
        for index, resnet in enumerate(self.resnets):
            signal = resnet(signal, embedding)
            if self.attentions is not None:
                signal = self.attentions[index](signal)
            skips.append(signal)
        if self.downsamplers is not None:
            signal = self.downsamplers[0](signal)
            skips.append(signal)
        return signal


class MidBlock(nn.Module):
    """Residual block, attention, residual block at the lowest level."""

    def __init__(self, block: _BlockSizes, channels: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ConditionedBlock(block, channels, channels) for _ in range(2))
        self.attentions = nn.ModuleList([Attention(block, channels)])

    def forward(self, signal: Tensor, embedding: Tensor) -> Tensor:
        """[B, C, F, N] to [B, C, F, N]."""
        signal = self.attentions[0](self.resnets[0](signal, embedding))
        out: Tensor = self.resnets[1](signal, embedding)
        return out


class UpBlock(nn.Module):
    """Residual blocks of a level on the way up, each with a result of the way down, and the way to the level above."""

    def __init__(
        self, block: _BlockSizes, channels_in: int, channels: int, *, skips: Sequence[int], attend: bool, up: bool
    ) -> None:
        super().__init__()
        inputs = [channels_in] + [channels] * (len(skips) - 1)
        pairs = zip(inputs, skips, strict=True)
        self.resnets = nn.ModuleList(ConditionedBlock(block, each + skip, channels) for each, skip in pairs)
        self.attentions = nn.ModuleList(Attention(block, channels) for _ in inputs) if attend else None
        self.upsamplers = nn.ModuleList([Upsampler(channels)]) if up else None

    def forward(self, signal: Tensor, embedding: Tensor, skips: list[Tensor]) -> Tensor:
        """[B, C, F, N] to [B, C', F', N']; results of the way down are taken from the end of `skips`."""
        for index, resnet in enumerate(self.resnets):
            signal = resnet(torch.cat([signal, skips.pop()], dim=1), embedding)
            if self.attentions is not None:
                signal = self.attentions[index](signal)
        return signal if self.upsamplers is None else self.upsamplers[0](signal)


class Downsampler(nn.Module):
    """Strided convolution to half of the rows and columns."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, signal: Tensor) -> Tensor:
        """[B, C, F, N] to [B, C, F / 2, N / 2]."""
        out: Tensor = self.conv(signal)
        return out


class Upsampler(nn.Module):
    """Each place twice in both directions, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, signal: Tensor) -> Tensor:
        """[B, C, F, N] to [B, C, 2 F, 2 N]."""
        out: Tensor = self.conv(F.interpolate(signal, scale_factor=2.0, mode="nearest"))
        return out
