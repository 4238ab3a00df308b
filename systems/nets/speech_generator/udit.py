"""U-shaped diffusion transformer over frames, with the enrollment's spectrum in front of the state's.

Peebles and Xie, "Scalable Diffusion Models with Transformers", ICCV 2023 (modulation, gates of zero); Bao et al., "All
are Worth Words: A ViT Backbone for Diffusion Models", CVPR 2023 (skips from the first half to the second). Target
speech with the enrollment in front of the state is that of AD-FlowTSE (2025).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..generative.dilated import TimeEmbedding
from ..generative.parametrisation import Parametrisation
from ..generative.spectra import from_channels, to_channels
from .given import SpeechConditions

_LONGEST_PERIOD = 10_000.0  # of the positions, in frames
_ENROLLMENT, _MIXTURE = 0, 1  # kinds of a frame


@dataclass(frozen=True, slots=True, kw_only=True)
class UditSizes:
    """Width of the residual path, number of blocks and of attention heads."""

    channels: int
    blocks: int
    heads: int


class _Block(nn.Module):
    """Self-attention and an MLP, each scaled, moved and gated by the embedding of the time; gates begin at zero."""

    def __init__(self, sizes: UditSizes, *, skips: bool) -> None:
        super().__init__()
        width = sizes.channels
        self.heads = sizes.heads
        self.join = nn.Linear(2 * width, width) if skips else None
        self.modulation = nn.Linear(width, 6 * width)
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, frames: Tensor, embedding: Tensor, skip: Tensor | None, seen: Tensor | None) -> Tensor:
        """Frames [B, K, W], embedding [B, W], skip [B, K, W] and the frames that may be seen [B, 1, 1, K]."""
        if self.join is not None and skip is not None:
            frames = self.join(torch.cat([frames, skip], dim=-1))
        parts = self.modulation(F.silu(embedding))[:, None].chunk(6, dim=-1)
        frames = frames + parts[2] * self._attended(self.norms[0](frames) * (1 + parts[1]) + parts[0], seen)
        changed: Tensor = self.mlp(self.norms[1](frames) * (1 + parts[4]) + parts[3])
        result: Tensor = frames + parts[5] * changed
        return result

    def _attended(self, frames: Tensor, seen: Tensor | None) -> Tensor:
        batch, count, width = frames.shape
        parts = self.qkv(frames).reshape(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=seen)
        joined: Tensor = self.out(attended.transpose(1, 2).reshape(batch, count, width))
        return joined


class UditBackbone(nn.Module):
    """Transformer that predicts the velocity from the state's and the mixture's spectra and the enrollment's frames."""

    kind: Parametrisation = "velocity"

    def __init__(self, sizes: UditSizes, *, bins: int, is_complex: bool, clue_dim: int) -> None:
        super().__init__()
        parts, width = 2 if is_complex else 1, sizes.channels
        self._is_complex = is_complex
        self.time = TimeEmbedding(width)
        self.clue = nn.Linear(clue_dim, width) if clue_dim else None
        self.frames_in = nn.Linear(3 * parts * bins, width)
        self.enrollment_in = nn.Linear(parts * bins, width)
        self.kinds = nn.Parameter(0.02 * torch.randn(2, width))
        half = sizes.blocks // 2
        self.first = nn.ModuleList(_Block(sizes, skips=False) for _ in range(sizes.blocks - half))
        self.second = nn.ModuleList(_Block(sizes, skips=True) for _ in range(half))
        self.norm = nn.LayerNorm(width)
        self.frames_out = nn.Linear(width, parts * bins)
        nn.init.zeros_(self.frames_out.weight)
        nn.init.zeros_(self.frames_out.bias)

    def forward(self, state: Tensor, t: Tensor, given: SpeechConditions) -> Tensor:
        """States [B, F, K] and times [B] to velocities [B, F, K]."""
        inputs = torch.cat([self._channels(each) for each in (state, given.mixture, given.centre)], dim=-1)
        own = self.frames_in(inputs)
        front = self.enrollment_in(self._channels(given.enrollment))
        width = own.shape[-1]
        own = own + _positions(own.shape[1], width, like=own) + self.kinds[_MIXTURE]
        front = front + _positions(front.shape[1], width, like=front) + self.kinds[_ENROLLMENT]
        embedding = self.time(t)
        if self.clue is not None:
            embedding = embedding + self.clue(given.clue)
        frames = self._through(torch.cat([front, own], dim=1), embedding, _seen(given))
        velocity = self.frames_out(self.norm(frames[:, front.shape[1] :])).transpose(1, 2)
        return from_channels(velocity) if self._is_complex else velocity

    def _through(self, frames: Tensor, embedding: Tensor, seen: Tensor | None) -> Tensor:
        skips: list[Tensor] = []
        for block in self.first:
            frames = block(frames, embedding, None, seen)
            skips.append(frames)
        for block in self.second:
            frames = block(frames, embedding, skips.pop(), seen)
        return frames

    def _channels(self, spectrum: Tensor) -> Tensor:
        """GeneratedSpectra [B, F, K] to frames [B, K, C]."""
        channels = to_channels(spectrum) if self._is_complex else spectrum
        return channels.transpose(1, 2)


def _positions(count: int, width: int, *, like: Tensor) -> Tensor:
    """Sines and cosines of the positions [K, W] (Vaswani et al., 2017, section 3.5)."""
    rates = torch.exp(torch.arange(0, width, 2, device=like.device) * (-math.log(_LONGEST_PERIOD) / width))
    angles = torch.arange(count, device=like.device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width].to(like)


def _seen(given: SpeechConditions) -> Tensor | None:
    """Whether a frame may be seen [B, 1, 1, K' + K], without padding; None if all may."""
    if given.mask is None and given.enrollment_mask is None:
        return None

    def known(mask: Tensor | None, spectrum: Tensor) -> Tensor:
        shape = (len(spectrum), 1, spectrum.shape[-1])
        return torch.ones(shape, dtype=torch.bool, device=spectrum.device) if mask is None else mask.bool()

    masks = [known(given.enrollment_mask, given.enrollment), known(given.mask, given.mixture)]
    return torch.cat(masks, dim=-1)[:, None]
