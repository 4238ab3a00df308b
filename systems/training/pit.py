"""Permutation-invariant training: outputs are assigned to sources by the least total loss."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ...core.errors import ConfigError
from ..trainable import ExtractionLoss, TrainBatch


def all_sources(batch: TrainBatch, num_outputs: int) -> Tensor:
    """Target, then interferers of each mixture, padded with zeros to [B, N, T]; a ConfigError for more sources."""
    target = batch.target
    sources = target.new_zeros(len(target), num_outputs, target.shape[-1])
    sources[:, 0] = target
    for row, others in zip(sources, batch.interferers, strict=True):
        if 1 + len(others) > num_outputs:
            raise ConfigError(
                f"a training mixture has {1 + len(others)} sources, background included, but "
                f"net.num_outputs = {num_outputs}; set it to {1 + len(others)} or more"
            )
        row[1 : 1 + len(others), : others.shape[-1]] = others.to(row.device)
    return sources


def assigned_losses(
    criterion: ExtractionLoss, *, outputs: Tensor, sources: Tensor, mixture: Tensor, present: Tensor
) -> tuple[Tensor, Tensor]:
    """Losses [B, N] of each source in the best assignment, and the index [B, N] of the output assigned to it.

    Outputs and sources are [B, N, T], mixtures [B, T]; sources are zero where `present` [B, N] is False.

    Source: Yu et al., "Permutation invariant training of deep models for speaker-independent
        multi-talker speech separation", ICASSP 2017.
    """
    count = sources.shape[1]
    with torch.no_grad():
        # Row s·N + n of each item holds source s and output n.
        every = _losses(
            criterion,
            outputs.repeat(1, count, 1),
            sources.repeat_interleave(count, dim=1),
            mixture,
            present.repeat_interleave(count, dim=1),
        )
    chosen = best_assignment(every.view(-1, count, count))
    picked = outputs.gather(1, chosen[:, :, None].expand_as(sources))
    return _losses(criterion, picked, sources, mixture, present), chosen


def best_assignment(losses: Tensor) -> Tensor:
    """Output [B, S] of each source with the least total of losses [B, S, N] of source s and output n, S ≤ N."""
    tables = losses.detach().double().cpu().numpy()
    chosen = [torch.from_numpy(linear_sum_assignment(table)[1]) for table in tables]
    return torch.stack(chosen).to(losses.device)


def _losses(criterion: ExtractionLoss, outputs: Tensor, sources: Tensor, mixture: Tensor, present: Tensor) -> Tensor:
    """Losses [B, M] of pairs [B, M, T]."""
    count = sources.shape[1]
    losses = criterion(
        estimate=outputs.flatten(0, 1),
        reference=sources.flatten(0, 1),
        mixture=mixture.repeat_interleave(count, dim=0),
        present=present.flatten(),
    )
    return losses.view(-1, count)
