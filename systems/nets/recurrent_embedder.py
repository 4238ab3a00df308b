"""Voiceprint encoder of WASE: convolution, BiLSTM, mean over the true frames (Hao et al., ICASSP 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .enrollment import mean_over_frames
from .filterbank import Encoder, rms
from .tcn import frame_mask

_LAYERS = 2


class RecurrentEmbedder(nn.Module):
    """Enrollments to embeddings: `num_filters` filters, two bidirectional LSTM layers, mean, linear."""

    def __init__(self, *, num_filters: int, filter_length: int, stride: int, hidden: int, embedding_dim: int) -> None:
        super().__init__()
        self.encoder = Encoder(num_filters=num_filters, filter_length=filter_length, stride=stride)
        self.lstm = nn.LSTM(num_filters, hidden, num_layers=_LAYERS, bidirectional=True, batch_first=True)
        self.output = nn.Linear(2 * hidden, embedding_dim)

    def forward(self, enrollment: Tensor, lengths: Tensor) -> Tensor:
        """Enrollments [B, T], zeros past the lengths [B], to embeddings [B, D]."""
        features = self.encoder(enrollment / rms(enrollment, lengths)).transpose(1, 2)
        counts = self.encoder.frame_counts(lengths.clamp_min(1))
        packed = pack_padded_sequence(features, counts.cpu(), batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=features.shape[1])
        mask = frame_mask(counts, num_frames=features.shape[1])
        embedding: Tensor = self.output(mean_over_frames(hidden.transpose(1, 2), mask))
        return embedding


class ActivityGate(nn.Module):
    """Voice activity of an enrolled speaker: 1×1 and sigmoid on features times an embedding.

    WASE gates its features with it to attend from the onset to the offset of the speaker; `av_onoff` weights the
    voiceprint with it.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.output = nn.Conv1d(num_channels, 1, 1)

    def forward(self, features: Tensor, voiceprint: Tensor) -> Tensor:
        """Features [B, N, K] and voiceprint [B, N] to logits [B, K]."""
        logits: Tensor = self.output(features * voiceprint[:, :, None])
        return logits[:, 0]


def gate(logits: Tensor) -> Tensor:
    """Activity [B, 1, K] in 0..1 from logits [B, K]."""
    return torch.sigmoid(logits)[:, None]
