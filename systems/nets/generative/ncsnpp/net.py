"""NCSN++: a U-Net on complex spectra that knows the time of the diffusion and, optionally, a clue.

Song et al., "Score-Based Generative Modeling through SDEs", ICLR 2021, in the variant of Richter et al., "Speech
Enhancement and Dereverberation with Diffusion-Based Generative Models", IEEE/ACM TASLP 31, 2023 (SGMSE+).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import dense, downsample, upsample
from .config import NcsnppConfig
from .layout import Layout, build_layout

FramePadding = Literal["zeros", "reflection"]


class Ncsnpp(nn.Module):
    """NCSN++ of complex spectra [B, S, F, K]; its names and order of weights are those of SGMSE's public code."""

    def __init__(self, config: NcsnppConfig) -> None:
        super().__init__()
        self.config = config
        self.output_layer = nn.Conv2d(2 * config.spectra, 2, 1)
        self._layout: Layout = build_layout(config)
        self.all_modules = nn.ModuleList(self._layout.in_order())
        # Behind the public weights, whose order stays.
        self.clue = dense(config.embedding_dim, 4 * config.channels) if config.embedding_dim else None

    def forward(self, spectra: Tensor, time: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Output for a state and its conditions.

        Args:
            spectra: [B, S, F, K] complex, the state first; F and K are multiples of `config.multiple`.
            time: [B], above zero.
            embedding: [B, D] of the clue, for a network with `embedding_dim`.

        Returns:
            [B, F, K] complex.
        """
        image = torch.view_as_real(spectra).permute(0, 1, 4, 2, 3).flatten(1, 2)
        joined = self._embedding(time, embedding)
        skips = self._way_down(image, joined)
        first, attention, last = self._layout.middle
        image = self._way_up(last(attention(first(skips[-1], joined)), joined), skips, joined)
        if self.config.division == "inside":
            image = image / time[:, None, None, None]
        output = torch.view_as_complex(self.output_layer(image).permute(0, 2, 3, 1).contiguous())
        return output / time[:, None, None] if self.config.division == "outside" else output

    def _embedding(self, time: Tensor, clue: Tensor | None) -> Tensor:
        """Embedding [B, E] of time and clue."""
        first, second = self._layout.dense
        embedding: Tensor = second(F.silu(first(self._layout.features(time))))
        if self.clue is not None and clue is not None:
            embedding = embedding + self.clue(clue)
        return embedding

    def _way_down(self, image: Tensor, embedding: Tensor) -> list[Tensor]:
        """Features of all blocks, for the way up."""
        skips = [self._layout.first(image)]
        for level in self._layout.down:
            for index, block in enumerate(level.blocks):
                features = block(skips[-1], embedding)
                skips.append(level.attentions[index](features) if level.attentions else features)
            if level.down is not None:
                features = level.down(skips[-1], embedding)
                if level.pyramid is not None:
                    image = downsample(image)
                    features = level.pyramid(image, features)
                skips.append(features)
        return skips

    def _way_up(self, features: Tensor, skips: list[Tensor], embedding: Tensor) -> Tensor:
        """Sum of the levels' outputs [B, 2 S, F, K]."""
        total: Tensor | None = None
        for level in self._layout.up:
            for block in level.blocks:
                features = block(torch.cat((features, skips.pop()), dim=1), embedding)
            if level.attention is not None:
                features = level.attention(features)
            if level.norm is not None and level.output is not None:
                output = level.output(F.silu(level.norm(features)))
                total = output if total is None else upsample(total) + output
            if level.up is not None:
                features = level.up(features, embedding)
        return features if total is None else total


def pad_frames(spectra: Tensor, *, multiple: int, padding: FramePadding) -> Tensor:
    """Append frames to [..., K] up to a multiple; "reflection" mirrors them at the last frame, and again at the first.

    SGMSE's first networks were used with zeros, `ncsnpp_v2` and `ncsnpp_48k` with reflection.
    """
    frames = spectra.shape[-1]
    missing = -frames % multiple
    if padding == "zeros" or frames == 1:
        return F.pad(spectra, (0, missing)) if padding == "zeros" else spectra.expand(*spectra.shape[:-1], multiple)
    period = 2 * (frames - 1)
    place = torch.arange(frames + missing, device=spectra.device) % period
    return spectra[..., torch.where(place < frames, place, period - place)]
