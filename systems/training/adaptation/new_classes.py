"""Embeddings of new classes beside those of a frozen SoundBeam: where they start, and training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from rich.console import Console
from torch import Tensor

from ....core.errors import TsebenchError
from ....core.progress import ProgressFactory, quiet
from ...checkpoints.adaptation_card import AdaptOptions
from ...nets.label_embedding import embed, fresh_columns
from ...nets.soundbeam import SoundBeamNet
from ...shared.class_queries import multi_hot
from ...trainable import TrainBatch
from ..data import EpochBatches, TrialStream
from ..losses import NegativeSnr

_KEPT = 256
"""Mixtures that are rendered once and kept in memory; more are rendered in each epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Where an adaptation tells how far it is: a line for each epoch, and a bar."""

    console: Console | None = None
    progress: ProgressFactory = quiet


def start_columns(
    net: SoundBeamNet, recordings: Mapping[str, Sequence[Tensor]], count: int, options: AdaptOptions
) -> Tensor:
    """Columns [N, D] before training."""
    if options.init == "avg":
        with torch.no_grad():
            return net.enrollment_embedding([[clips] for clips in recordings.values()])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return fresh_columns(count, net.config.embedding_dim)


def train_columns(
    net: SoundBeamNet,
    columns: Tensor,
    classes: tuple[str, ...],
    stream: TrialStream,
    *,
    options: AdaptOptions,
    telling: Telling,
) -> tuple[float, ...]:
    """Train the columns in place; the mean loss of each epoch."""
    columns.requires_grad_(True)
    adam = torch.optim.Adam([columns], lr=options.lr)
    batches = EpochBatches(
        stream,
        per_epoch=options.mixtures,
        batch_size=options.batch_size,
        threads=1,
        epoch=lambda: 0,
        keep=options.mixtures <= _KEPT,
    )
    losses: list[float] = []
    what = f"adapt to {', '.join(classes[-len(columns) :])}"
    with telling.progress(what, options.epochs * len(batches)) as advance:
        for epoch in range(options.epochs):
            values: list[Tensor] = []
            for losses_of_batch in _steps(net, columns, classes, batches):
                adam.zero_grad()
                torch.autograd.backward(losses_of_batch.mean())
                adam.step()
                values.append(losses_of_batch.detach())
                advance(1)
            losses.append(float(torch.cat(values).double().mean()))
            if telling.console is not None:
                line = f"epoch {epoch}: train {losses[-1]:.2f} dB"
                telling.console.print(line, highlight=False)
    columns.requires_grad_(False)
    return tuple(losses)


def _steps(
    net: SoundBeamNet, columns: Tensor, classes: tuple[str, ...], batches: EpochBatches
) -> Iterator[Tensor]:
    """Losses [B] of each batch with the columns as they are then.

    Raises:
        TsebenchError: one is not finite.
    """
    seen = net.embedding
    for rendered in batches:
        batch: TrainBatch = rendered.to(columns.device)
        known = columns if seen is None else torch.cat([seen, columns])
        query = multi_hot([clue.classes for clue in batch.queries.clues], classes)
        mixture = batch.queries.mixture[:, 0]
        estimate = net.extractor(mixture, batch.queries.lengths, embed(query.to(columns.device), known))
        losses = NegativeSnr()(
            estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present
        )
        if not bool(torch.isfinite(losses).all()):
            raise TsebenchError(
                f"adaptation diverged: a loss is not finite (mixtures "
                f"{', '.join(batch.queries.ids)}); set a lower lr"
            )
        yield losses
