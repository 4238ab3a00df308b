"""The networks of the frequency-domain SpeakerBeam: mask estimation and auxiliary network."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .tcn import GlobalLayerNorm, apply_mask

_FLOOR = 1e-3  # of amplitudes at unit RMS: the logarithm of silence


class LogAmplitude(nn.Module):
    """Logarithms of amplitudes, normalised over the bins and frames of a signal.

    Args:
        num_bins: F.
    """

    def __init__(self, num_bins: int) -> None:
        super().__init__()
        self.norm = GlobalLayerNorm(num_bins)

    def forward(self, spectra: Tensor, mask: Tensor | None) -> Tensor:
        """Complex spectra [B, F, K] to features [B, F, K]."""
        features = torch.log(spectra.abs() + _FLOOR)
        normed: Tensor = self.norm(apply_mask(features, mask), mask)
        return normed


class Blstm(nn.Module):
    """Bidirectional LSTM that stops at the end of each signal.

    Args:
        num_features: channels in.
        hidden: H, of each direction.
        num_layers: L.
    """

    def __init__(self, *, num_features: int, hidden: int, num_layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(num_features, hidden, num_layers, batch_first=True, bidirectional=True)

    def forward(self, features: Tensor, counts: Tensor) -> Tensor:
        """Features [B, N, K], of which `counts` [B] frames are true ones, to [B, 2 H, K]."""
        packed = pack_padded_sequence(
            features.transpose(1, 2), counts.cpu(), batch_first=True, enforce_sorted=False
        )
        out, _ = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=features.shape[-1]
        )
        return out.transpose(1, 2)


class FrameSummary(nn.Module):
    """Auxiliary network: fully connected layers on each frame of the enrollment.

    Args:
        num_features: channels in.
        hidden: of the layers between, with ReLU.
        num_layers: layers with ReLU.
        embedding_dim: D.
    """

    def __init__(
        self, *, num_features: int, hidden: int, num_layers: int, embedding_dim: int
    ) -> None:
        super().__init__()
        widths = [num_features, *[hidden] * num_layers]
        self.layers = nn.ModuleList(nn.Conv1d(a, b, 1) for a, b in pairwise(widths))
        self.output = nn.Conv1d(widths[-1], embedding_dim, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, N, K] to a vector for each frame [B, D, K]; their mean is the embedding."""
        for layer in self.layers:
            features = F.relu(layer(features))
        vectors: Tensor = self.output(features)
        return vectors


class FrameAttention(nn.Module):
    """Each frame of the mixture adds what it finds in the frames of the enrollment.

    Scaled dot products (Vaswani et al., 2017, eq. 1): softmax(Qᵀ K / √D) Vᵀ.

    Args:
        num_channels: N.
        embedding_dim: D.
    """

    def __init__(self, *, num_channels: int, embedding_dim: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(num_channels, embedding_dim, 1)
        self.key = nn.Conv1d(embedding_dim, embedding_dim, 1)
        self.value = nn.Conv1d(embedding_dim, num_channels, 1)

    def forward(self, features: Tensor, vectors: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, N, K] and vectors [B, D, K'], of which those of the mask are true."""
        query, key = self.query(features).transpose(1, 2), self.key(vectors)
        scores = query @ key / math.sqrt(key.shape[1])
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -math.inf)
        found = scores.softmax(dim=-1) @ self.value(vectors).transpose(1, 2)
        attended: Tensor = features + found.transpose(1, 2)
        return attended
