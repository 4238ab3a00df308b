"""Enrollments: put together to a batch, and summed up in one embedding each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from .conv_tasnet import rms
from .filterbank import Encoder
from .tcn import NormName, PReLU, Stack, apply_mask, layer_norm


def join_enrollments(
    enrollments: Sequence[Sequence[Tensor]], *, device: torch.device | str
) -> tuple[Tensor, Tensor]:
    """Enrollments of B queries; several of one query are heard one after the other.

    Args:
        enrollments: of each query, signals [T_k]; a query without any is heard as one zero.
        device: where they are put.

    Returns:
        Signals [B, T], zeros past each length, and lengths [B].
    """
    joined = [torch.cat([*signals]) if signals else torch.zeros(1) for signals in enrollments]
    lengths = torch.tensor([len(signal) for signal in joined], device=device)
    return pad_sequence([signal.to(device) for signal in joined], batch_first=True), lengths


def mean_over_frames(features: Tensor, mask: Tensor | None) -> Tensor:
    """Mean [B, N] of features [B, N, K] over the frames of the mask [B, 1, K]."""
    if mask is None:
        return features.mean(dim=-1)
    return apply_mask(features, mask).sum(dim=-1) / mask.to(features.dtype).sum(dim=-1)


class StackEmbedder(nn.Module):
    """Auxiliary network of TD-SpeakerBeam: encoder, one stack, 1×1, mean over time.

    Args:
        num_filters: N.
        filter_length: L, in samples.
        stride: in samples.
        rectify: whether the encoder has a ReLU.
        blocks: X.
        bottleneck: B.
        hidden: H.
        kernel: P.
        skip: Sc; 0 takes the embedding from the residual path.
        norm: normalisation; not causal in any case, for the enrollment is there beforehand.
        embedding_dim: D.
        covering: of the encoder.
        normalise: whether enrollments are brought to unit RMS.
    """

    def __init__(
        self,
        *,
        num_filters: int,
        filter_length: int,
        stride: int,
        rectify: bool,
        blocks: int,
        bottleneck: int,
        hidden: int,
        kernel: int,
        skip: int,
        norm: NormName,
        embedding_dim: int,
        covering: bool = True,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        self.normalises = normalise
        self.encoder = Encoder(
            num_filters=num_filters,
            filter_length=filter_length,
            stride=stride,
            rectify=rectify,
            covering=covering,
        )
        self.norm = layer_norm(norm, num_filters)
        self.bottleneck = nn.Conv1d(num_filters, bottleneck, 1)
        self.stack = Stack(
            num_blocks=blocks, bottleneck=bottleneck, hidden=hidden, kernel=kernel, norm=norm, skip=skip
        )
        self.activation = PReLU()
        self.output = nn.Conv1d(skip or bottleneck, embedding_dim, 1)

    def forward(self, signals: Tensor, lengths: Tensor) -> Tensor:
        """Enrollments [B, T], zeros past the lengths [B], to embeddings [B, D]."""
        heard = signals / rms(signals, lengths) if self.normalises else signals
        encoded, mask = self.encoder.heard(heard, lengths)
        features = apply_mask(self.bottleneck(self.norm(encoded, mask)), mask)
        features, skipped = self.stack(features, mask)
        total = features if skipped is None else skipped
        return mean_over_frames(self.output(self.activation(total)), mask)
