"""Recurrent classifier of the sound classes in a clip, and its loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

_TINY = 1e-7


class ClassHead(nn.Module):
    """Bidirectional GRU and a linear layer for frames, linear-softmax pooling for the clip.

    The GRU has `units` in each direction; `pool` frames are averaged to one before it.
    """

    def __init__(self, *, channels: int, units: int, layers: int, num_classes: int, pool: int = 1) -> None:
        super().__init__()
        self.pool = pool
        self.gru = nn.GRU(channels, units, num_layers=layers, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * units, num_classes)

    def forward(self, features: Tensor, counts: Tensor) -> Tensor:
        """Probabilities [B, V] of the classes in features [B, N, K], zeros past the true numbers of frames [B]."""
        averaged, counts = average_frames(features, counts, size=self.pool)
        frames = torch.sigmoid(self.output(self._recurrent(averaged.mT, counts)).float())
        inside = torch.arange(frames.shape[1], device=frames.device) < counts[:, None]
        return linear_softmax(frames, inside)

    def _recurrent(self, sequence: Tensor, counts: Tensor) -> Tensor:
        """States [B, K, 2·units]; the backward direction begins at the end of each clip."""
        if bool((counts == sequence.shape[1]).all()):
            states: Tensor = self.gru(sequence)[0]
            return states
        packed = pack_padded_sequence(sequence, counts.cpu(), batch_first=True, enforce_sorted=False)
        padded: Tensor = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=sequence.shape[1])[0]
        return padded


def average_frames(features: Tensor, counts: Tensor, *, size: int) -> tuple[Tensor, Tensor]:
    """Average `size` frames to one, the last one over the frames that are left.

    Features [B, N, K], zeros past the end, with `counts` [B] true frames become [B, N, ⌈K / size⌉] and counts [B].
    """
    if size == 1:
        return features, counts
    missing = -features.shape[-1] % size
    totals = F.pad(features, (0, missing)).unfold(-1, size, size).sum(dim=-1)
    starts = torch.arange(totals.shape[-1], device=counts.device) * size
    shares = (counts[:, None] - starts).clamp(1, size)
    means = totals / shares[:, None].to(totals.dtype)
    return means, torch.div(counts + size - 1, size, rounding_mode="floor")


def linear_softmax(probabilities: Tensor, inside: Tensor) -> Tensor:
    """Pool frame probabilities y [B, K, V] to those of the clip [B, V]: Σ_k y_k² / Σ_k y_k, 0 where all are 0.

    `inside` [B, K] marks the true frames.

    Source: Wang, Li and Metze, "A comparison of five multiple instance learning pooling functions for sound
        event detection with weak labeling", ICASSP 2019, eq. 6.
    """
    true = probabilities * inside[..., None].to(probabilities.dtype)
    return true.square().sum(dim=1) / true.sum(dim=1).clamp_min(_TINY)


def class_loss(*, probabilities: Tensor, labels: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean binary cross-entropy [...] over classes, of probabilities and labels [..., V], in nats.

    `known` [..., V] marks the classes that are averaged, all if None; 0 where no class is known.
    """
    # torch refuses it under autocast, where it would be taken in half precision.
    with torch.autocast(probabilities.device.type, enabled=False):
        losses = F.binary_cross_entropy(probabilities.float(), labels.float(), reduction="none")
    weights = torch.ones_like(losses) if known is None else known.to(losses.dtype)
    return (losses * weights).sum(dim=-1) / weights.sum(dim=-1).clamp_min(1.0)
