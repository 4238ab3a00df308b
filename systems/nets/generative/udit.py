"""UDiT: a transformer over frames with adaptive layer norms and long skips, the network of SoloAudio.

Wang et al., "SoloAudio: Target Sound Extraction with Language-oriented Audio Diffusion Transformer", ICASSP 2025, after
DiT (Peebles and Xie, 2023) and U-ViT (Bao et al., 2023). Names and shapes of the weights are those of the public code.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ....core.validation import StrictModel
from .step_waves import step_waves

_WAVES = 256
_LONGEST_PERIOD = 10_000.0  # of the places of frames
_EPS = 1e-6

Size = Annotated[int, Field(ge=1, le=65_536)]


class UditConfig(StrictModel):
    """Hyper-parameters; the defaults are those of SoloAudio.

    Attributes:
        latent: channels of the latent frames.
        clue: entries of the embedding of the clue (CLAP).
        hidden: channels of the blocks.
        depth: number of blocks without the one in the middle; even.
        heads: heads of the attention.
        mlp_ratio: hidden channels of the feed-forward layers as a multiple of `hidden`.
    """

    latent: Size = 128
    clue: Size = 512
    hidden: Size = 768
    depth: Annotated[int, Field(ge=2, le=64, multiple_of=2)] = 12
    heads: Size = 12
    mlp_ratio: Annotated[float, Field(gt=0, le=16)] = 4.0

    @model_validator(mode="after")
    def _check_heads(self) -> UditConfig:
        if self.hidden % (2 * self.heads):
            raise ValueError(f"hidden {self.hidden} is no multiple of twice the heads, {2 * self.heads}")
        return self


class Udit(nn.Module):
    """Maps noisy latent frames to v, given those of the mixture, the step of the diffusion and a clue."""

    def __init__(self, config: UditConfig) -> None:
        super().__init__()
        hidden = config.hidden
        self.config = config
        self.input_proj = nn.Linear(2 * config.latent, hidden)
        self.t_embedder = StepMlp(hidden)
        self.timbre_proj = nn.Linear(config.clue, hidden)
        self.in_blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.depth // 2))
        self.mid_block = TransformerBlock(config)
        self.out_blocks = nn.ModuleList(TransformerBlock(config, skip=True) for _ in range(config.depth // 2))
        self.final_layer = LastLayer(config)

    def forward(self, state: Tensor, step: Tensor, mixture: Tensor, clue: Tensor) -> Tensor:
        """Latent frames [B, C, K] of state and mixture, steps [B] of 0..999 and clues [B, D] to v [B, C, K]."""
        features = self.input_proj(torch.cat((state, mixture), dim=1).transpose(1, 2))
        condition = self.t_embedder(step) + self.timbre_proj(clue)
        skips: list[Tensor] = []
        for block in self.in_blocks:
            features = block(features, condition)
            skips.append(features)
        features = self.mid_block(features, condition)
        for block in self.out_blocks:
            features = block(features, condition, skips.pop())
        last: Tensor = self.final_layer(features, condition)
        return last.transpose(1, 2)


class StepMlp(nn.Module):
    """Cosines and sines of the step, and two layers."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(_WAVES, hidden), nn.SiLU(), nn.Linear(hidden, hidden))

    def forward(self, step: Tensor) -> Tensor:
        """Steps [B] to embeddings [B, H]."""
        embedding: Tensor = self.mlp(step_waves(step, _WAVES))
        return embedding


class RotaryAttention(nn.Module):
    """Self-attention over frames, with normalised queries and keys that are turned by their place."""

    def __init__(self, config: UditConfig) -> None:
        super().__init__()
        size = config.hidden // config.heads
        self._heads = config.heads
        self.to_q = nn.Linear(config.hidden, config.hidden)
        self.to_k = nn.Linear(config.hidden, config.hidden)
        self.to_v = nn.Linear(config.hidden, config.hidden)
        self.norm_q = nn.LayerNorm(size)
        self.norm_k = nn.LayerNorm(size)
        self.proj = nn.Linear(config.hidden, config.hidden)
        self.rotary = RotaryAngles(size)

    def forward(self, features: Tensor) -> Tensor:
        """[B, K, H] to [B, K, H]."""
        queries, keys, values = (
            layer(features).unflatten(2, (self._heads, -1)).transpose(1, 2)
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        queries, keys = self.rotary(self.norm_q(queries)), self.rotary(self.norm_k(keys))
        attended = F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
        out: Tensor = self.proj(attended)
        return out


class RotaryAngles(nn.Module):
    """Turns of pairs of channels by the place of a frame (Su et al., 2021); entry i and i + D/2 are a pair."""

    inv_freq: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("inv_freq", _LONGEST_PERIOD ** (-torch.arange(0, size, 2).float() / size))

    def forward(self, signal: Tensor) -> Tensor:
        """[B, heads, K, D] to the same shape."""
        place = torch.arange(signal.shape[-2], dtype=torch.float32, device=signal.device)
        angles = place[:, None] * self.inv_freq
        cosine, sine = angles.cos().to(signal), angles.sin().to(signal)
        first, second = signal.chunk(2, dim=-1)
        return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


class FeedForward(nn.Module):
    """Two layers with a GELU between them."""

    def __init__(self, hidden: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(hidden, inner)
        self.fc2 = nn.Linear(inner, hidden)

    def forward(self, features: Tensor) -> Tensor:
        """[B, K, H] to [B, K, H]."""
        out: Tensor = self.fc2(F.gelu(self.fc1(features), approximate="tanh"))
        return out


class TransformerBlock(nn.Module):
    """Attention and feed-forward layers, whose norms and gates follow the condition; `skip` joins an earlier block."""

    def __init__(self, config: UditConfig, *, skip: bool = False) -> None:
        super().__init__()
        hidden = config.hidden
        self.attn = RotaryAttention(config)
        self.mlp = FeedForward(hidden, int(hidden * config.mlp_ratio))
        self.adaLN_modulation = _modulation(hidden, 6)
        self.skip_linear = nn.Linear(2 * hidden, hidden) if skip else None

    def forward(self, features: Tensor, condition: Tensor, earlier: Tensor | None = None) -> Tensor:
        """Features [B, K, H], condition [B, H] and features of an earlier block to features."""
        if self.skip_linear is not None and earlier is not None:
            features = self.skip_linear(_normal(torch.cat((features, earlier), dim=-1)))
        shift, scale, gate, shift2, scale2, gate2 = self.adaLN_modulation(condition)[:, None].chunk(6, dim=-1)
        attended: Tensor = self.attn(_normal(features) * (1 + scale) + shift)
        features = features + gate * attended
        change: Tensor = self.mlp(_normal(features) * (1 + scale2) + shift2)
        out: Tensor = features + gate2 * change
        return out


class LastLayer(nn.Module):
    """Norm that follows the condition, and a linear layer."""

    def __init__(self, config: UditConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.hidden, config.latent)
        self.adaLN_modulation = _modulation(config.hidden, 2)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """[B, K, H] and [B, H] to [B, K, C]."""
        shift, scale = self.adaLN_modulation(condition)[:, None].chunk(2, dim=-1)
        out: Tensor = self.linear(_normal(features) * (1 + scale) + shift)
        return out


def _modulation(hidden: int, parts: int) -> nn.Sequential:
    return nn.Sequential(nn.SiLU(), nn.Linear(hidden, parts * hidden))


def _normal(features: Tensor) -> Tensor:
    """Layer norm over channels without weights."""
    return F.layer_norm(features, features.shape[-1:], eps=_EPS)
