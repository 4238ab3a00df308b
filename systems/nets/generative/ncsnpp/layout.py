"""Levels of NCSN++, and the order of its layers in the public list `all_modules`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from .blocks import (
    FourierFeatures,
    PixelAttention,
    PixelResidual,
    PyramidSum,
    convolution,
    dense,
    group_norm,
    last_convolution,
)
from .config import NcsnppConfig


@dataclass(frozen=True, kw_only=True)
class DownLevel:
    """Layers of a level on the way down; the last level has no `down` and no `pyramid`."""

    blocks: tuple[PixelResidual, ...]
    attentions: tuple[PixelAttention, ...]  # after each block, or none
    down: PixelResidual | None
    pyramid: PyramidSum | None

    def in_order(self) -> Iterator[nn.Module | None]:
        """Layers in the public order."""
        for index, block in enumerate(self.blocks):
            yield block
            yield from self.attentions[index : index + 1]
        yield from (self.down, self.pyramid)


@dataclass(frozen=True, kw_only=True)
class UpLevel:
    """Layers of a level on the way up; `norm` and `output` give its part of the output."""

    blocks: tuple[PixelResidual, ...]
    attention: PixelAttention | None
    norm: nn.GroupNorm | None
    output: nn.Conv2d | None
    up: PixelResidual | None

    def in_order(self) -> Iterator[nn.Module | None]:
        """Layers in the public order; those of the lowest level without skips stand last."""
        yield from (*self.blocks, self.attention)
        if self.up is None:
            yield from (self.norm, self.output)
        else:
            yield from (self.norm, self.output, self.up)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """All layers of a network."""

    features: FourierFeatures
    dense: tuple[nn.Linear, nn.Linear]  # of the embedding of the time
    first: nn.Conv2d
    down: tuple[DownLevel, ...]
    middle: tuple[PixelResidual, PixelAttention, PixelResidual]
    up: tuple[UpLevel, ...]  # from the lowest level

    def in_order(self) -> list[nn.Module]:
        """Layers in the order of the public list."""
        layers: list[nn.Module | None] = [self.features, *self.dense, self.first]
        for down in self.down:
            layers += down.in_order()
        layers += self.middle
        for up in self.up:
            layers += up.in_order()
        return [layer for layer in layers if layer is not None]


def build_layout(config: NcsnppConfig) -> Layout:
    """Layers with fresh weights."""
    width, size = config.channels, 4 * config.channels
    skips = [width]  # channels of the features that the way up gets from the way down
    first = convolution(2 * config.spectra, width, kernel=3)
    down = tuple(_down(config, level, skips) for level in range(len(config.widths)))
    lowest = config.widths[-1]
    middle = (
        PixelResidual(lowest, lowest, embedding=size),
        PixelAttention(lowest),
        PixelResidual(lowest, lowest, embedding=size),
    )
    return Layout(
        features=FourierFeatures(width, scale=config.fourier_scale),
        dense=(dense(2 * width, size), dense(size, size)),
        first=first,
        down=down,
        middle=middle,
        up=tuple(_up(config, level, skips) for level in reversed(range(len(config.widths)))),
    )


def _down(config: NcsnppConfig, level: int, skips: list[int]) -> DownLevel:
    width, size, blocks = config.widths[level], 4 * config.channels, []
    for _ in range(config.blocks):
        blocks.append(PixelResidual(skips[-1], width, embedding=size))
        skips.append(width)
    attentions = [PixelAttention(width) for _ in blocks if config.attended[level]]
    down, pyramid = None, None
    if level < len(config.widths) - 1:
        down = PixelResidual(width, width, embedding=size, resample="down")
        pyramid = PyramidSum(2 * config.spectra, width) if config.skips else None
        skips.append(width)
    return DownLevel(blocks=tuple(blocks), attentions=tuple(attentions), down=down, pyramid=pyramid)


def _up(config: NcsnppConfig, level: int, skips: list[int]) -> UpLevel:
    width, size, blocks = config.widths[level], 4 * config.channels, []
    inputs = config.widths[min(level + 1, len(config.widths) - 1)]
    for _ in range(config.blocks + 1):
        blocks.append(PixelResidual(inputs + skips.pop(), width, embedding=size))
        inputs = width
    gives_output = config.skips or level == 0
    return UpLevel(
        blocks=tuple(blocks),
        attention=PixelAttention(width) if config.attended[level] else None,
        norm=group_norm(width) if gives_output else None,
        output=last_convolution(width, 2 * config.spectra) if gives_output else None,
        up=PixelResidual(width, width, embedding=size, resample="up") if level else None,
    )
