"""A small network of full dilated convolutions over frames, conditioned on the time and on the clue.

On a CPU, full convolutions of three taps cost less for each parameter than depthwise ones.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..conditioning import Film
from ..tcn import apply_mask

_EPS = 1e-5
_FASTEST = 1000.0  # rad for each unit of time


class TimeEmbedding(nn.Module):
    """Sines and cosines of the time at frequencies from 1 to 1000 rad, and two linear layers."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._rates = size // 2
        self.layers = nn.Sequential(nn.Linear(2 * self._rates, size), nn.SiLU(), nn.Linear(size, size))

    def forward(self, t: Tensor) -> Tensor:
        """Times [B] of 0..1 to embeddings [B, size]."""
        # Not a buffer, which a network that is built on the device "meta" would lack.
        rates = torch.exp(torch.linspace(0.0, math.log(_FASTEST), self._rates, device=t.device))
        angles = t.to(rates)[:, None] * rates
        embedded: Tensor = self.layers(torch.cat([angles.sin(), angles.cos()], dim=1))
        return embedded


class _DilatedBlock(nn.Module):
    """Norm of each frame, FiLM, SiLU, one convolution, and the residual."""

    def __init__(self, channels: int, *, embedding_dim: int, dilation: int) -> None:
        super().__init__()
        self.film = Film(num_channels=channels, embedding_dim=embedding_dim)
        self.convolution = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)

    def forward(self, features: Tensor, embedding: Tensor, mask: Tensor | None) -> Tensor:
        normal = apply_mask(F.silu(self.film(_normalised(features), embedding)), mask)
        residual: Tensor = self.convolution(normal)
        return features + residual


class DilatedNet(nn.Module):
    """Convolution in, blocks with dilations 1, 2, ..., 2^(cycle − 1) over and over, convolution out.

    The last layer begins as zero, so that a system begins as its skip path. A result does not depend on padding.

    Args:
        channels_in: channels of the state and of all that is joined with it.
        channels_out: channels of the output.
        clue_dim: size of the embedding of the clue; 0 has none.
    """

    def __init__(
        self,
        *,
        channels_in: int,
        channels_out: int,
        clue_dim: int,
        channels: int = 192,
        blocks: int = 12,
        cycle: int = 5,
        embedding_dim: int = 128,
    ) -> None:
        super().__init__()
        self.time = TimeEmbedding(embedding_dim)
        self.clue = nn.Linear(clue_dim, embedding_dim) if clue_dim else None
        self.input = nn.Conv1d(channels_in, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            _DilatedBlock(channels, embedding_dim=embedding_dim, dilation=2 ** (index % cycle))
            for index in range(blocks)
        )
        self.output = nn.Conv1d(channels, channels_out, 3, padding=1)
        nn.init.zeros_(self.output.weight)
        if self.output.bias is not None:
            nn.init.zeros_(self.output.bias)

    def forward(self, features: Tensor, t: Tensor, clue: Tensor | None, mask: Tensor | None) -> Tensor:
        """Features [B, channels_in, K], times [B], clue [B, clue_dim], `mask` [B, 1, K] to [B, channels_out, K].

        `mask` is None where all signals of the batch have the same length (see `frame_mask`).
        """
        embedding = self.time(t)
        if self.clue is not None and clue is not None:
            embedding = embedding + self.clue(clue)
        embedding = F.silu(embedding)
        hidden: Tensor = self.input(apply_mask(features, mask))
        for block in self.blocks:
            hidden = block(hidden, embedding, mask)
        return apply_mask(self.output(apply_mask(F.silu(_normalised(hidden)), mask)), mask)


def _normalised(features: Tensor) -> Tensor:
    """Features [B, N, K] with mean 0 and variance 1 over the channels of each frame."""
    centred = features - features.mean(dim=1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + _EPS)
