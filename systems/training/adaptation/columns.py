"""Embedding columns of new classes for a frozen SoundBeam: initial values and training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from ....core.errors import TsebenchError
from ....core.progress import ProgressFactory
from ...checkpoints.adaptation_card import AdaptOptions
from ...nets.label_embedding import embed, fresh_columns
from ...nets.soundbeam import SoundBeamNet
from ...shared.class_queries import multi_hot
from ...trainable import TrainBatch
from ..data import EpochBatches, TrainingStream
from ..losses import NegativeSnr

_CACHED = 256
"""Up to this many mixtures are rendered once and cached; more are rendered in each epoch."""


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
    stream: TrainingStream,
    *,
    options: AdaptOptions,
    progress: ProgressFactory,
    log: Callable[[str], None] | None,
) -> tuple[float, ...]:
    """Train the columns in place; returns the mean loss of each epoch, in dB."""
    columns.requires_grad_(True)
    adam = torch.optim.Adam([columns], lr=options.lr)
    batches = EpochBatches(
        stream, per_epoch=options.mixtures, batch_size=options.batch_size, threads=1, cache=options.mixtures <= _CACHED
    )
    means: list[float] = []
    title = f"adapt to {', '.join(classes[-len(columns) :])}"
    with progress(title, options.epochs * len(batches)) as advance:
        for epoch in range(options.epochs):
            values: list[Tensor] = []
            for losses in _losses(net, columns, classes, batches):
                adam.zero_grad()
                torch.autograd.backward(losses.mean())
                adam.step()
                values.append(losses.detach())
                advance(1)
            means.append(float(torch.cat(values).double().mean()))
            if log is not None:
                log(f"epoch {epoch}: train {means[-1]:.2f} dB")
    columns.requires_grad_(False)
    return tuple(means)


def _losses(net: SoundBeamNet, columns: Tensor, classes: tuple[str, ...], batches: EpochBatches) -> Iterator[Tensor]:
    """Losses [B] of each batch with the current columns."""
    frozen = net.embedding
    for rendered in batches:
        batch: TrainBatch = rendered.to(columns.device)
        embeddings = columns if frozen is None else torch.cat([frozen, columns])
        query = multi_hot([clue.classes for clue in batch.queries.clues], classes)
        mixture = batch.queries.mixture[:, 0]
        clue = embed(query.to(columns.device), embeddings)
        estimate = net.extractor(mixture, batch.queries.lengths, clue)
        losses = NegativeSnr()(estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present)
        if not bool(torch.isfinite(losses).all()):
            raise TsebenchError(
                f"adaptation diverged: a loss is not finite (mixtures {', '.join(batch.queries.ids)}); set a lower lr"
            )
        yield losses
