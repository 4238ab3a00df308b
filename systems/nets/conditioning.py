"""Conditioning of features [B, N, K] on an embedding [B, D] of the clue.

N = `num_channels`, D = `embedding_dim`. Features past the end of a signal are undefined after it. A new kind is a new
class in `CONDITIONINGS`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.errors import UnknownNameError


class Multiplication(nn.Module):
    """Each channel times its entry of the embedding, mapped to N if D differs (Delcroix et al., 2021, Fig. 1)."""

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        same = num_channels == embedding_dim
        self.gain = nn.Identity() if same else nn.Linear(embedding_dim, num_channels)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Features [B, N, K] and embedding [B, D] to features [B, N, K]."""
        gain: Tensor = self.gain(embedding)
        return features * gain[:, :, None]


class Addition(nn.Module):
    """Each channel plus its entry of V e, a bias that depends on the clue."""

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        self.bias = nn.Linear(embedding_dim, num_channels, bias=False)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Features [B, N, K] and embedding [B, D] to features [B, N, K]."""
        bias: Tensor = self.bias(embedding)
        return features + bias[:, :, None]


class Concatenation(nn.Module):
    """Linear layer of features and embedding, W [f; e] + b."""

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        # The product of W and the embedding is the same in every frame: it is computed once.
        self.features = nn.Conv1d(num_channels, num_channels, 1)
        self.embedding = nn.Linear(embedding_dim, num_channels, bias=False)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Features [B, N, K] and embedding [B, D] to features [B, N, K]."""
        mapped: Tensor = self.features(features)
        bias: Tensor = self.embedding(embedding)
        return mapped + bias[:, :, None]


class Film(nn.Module):
    """Feature-wise linear modulation γ(e)·f + β(e) (Perez et al., 2018)."""

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(embedding_dim, 2 * num_channels)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Features [B, N, K] and embedding [B, D] to features [B, N, K]."""
        gain, bias = self.modulation(embedding)[:, :, None].chunk(2, dim=1)
        # Around one, so that training starts from features that pass unchanged.
        modulated: Tensor = features * (1.0 + gain) + bias
        return modulated


class Affine(nn.Module):
    """γ·f + β with the halves γ, β of the embedding, mapped to 2 N if D differs: `muladd` of the public SpeakerBeam."""

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        same = embedding_dim == 2 * num_channels
        self.modulation = nn.Identity() if same else nn.Linear(embedding_dim, 2 * num_channels)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Features [B, N, K] and embedding [B, D] to features [B, N, K]."""
        gain, bias = self.modulation(embedding)[:, :, None].chunk(2, dim=1)
        modulated: Tensor = features * gain + bias
        return modulated


class Factorised(nn.Module):
    """Σ_i α_i (W_i f + b_i) of D sub-layers with the embedding α, as in SpeakerBeam (Žmolíková et al., 2017)."""

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        bound = num_channels**-0.5
        shape = (embedding_dim, num_channels, num_channels)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(embedding_dim, num_channels))

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Features [B, N, K] and weights [B, D] to features [B, N, K]."""
        # The sum of the matrices first: one product with the features instead of D.
        weight = torch.einsum("bd,dnm->bnm", embedding, self.weight)
        return torch.baddbmm((embedding @ self.bias)[:, :, None], weight, features)


CONDITIONINGS: dict[str, type[nn.Module]] = {
    "multiplication": Multiplication,
    "addition": Addition,
    "concatenation": Concatenation,
    "film": Film,
    "affine": Affine,
    "factorised": Factorised,
}


def conditioning(name: str, *, num_channels: int, embedding_dim: int) -> nn.Module:
    """Build the conditioning called `name`; an UnknownNameError if there is none."""
    if name not in CONDITIONINGS:
        raise UnknownNameError("conditioning", name, CONDITIONINGS)
    return CONDITIONINGS[name](num_channels=num_channels, embedding_dim=embedding_dim)
