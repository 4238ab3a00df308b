"""What systems that know their target by an enrollment have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ...core.errors import ConfigError, ExtractionError
from ..checkpoints.checkpoint import Checkpoint, fill, load_checkpoint, net_config
from ..nets.enrollment import join_enrollments
from ..protocol import Extraction, Family, QueryBatch, SystemCard
from ..trainable import Task, TrainBatch


class EnrolledSystem:
    """Target speech extraction by an enrollment of the wanted voice.

    The network takes mixtures [B, T] and lengths [B], enrollments [B, T'] and their lengths, and
    gives estimates [B, T]. A subclass names itself and the task that builds its network; a cascade
    names its family too.

    Args:
        checkpoint: a folder, a weights file with its card beside it, or a shipped name.
        device: "cpu", "cuda", ...

    Raises:
        CheckpointError: the checkpoint is missing, damaged, unsafe or does not fit.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    family: ClassVar[Family] = "discriminative"
    task: ClassVar[Task]
    card: SystemCard

    def __init__(self, *, checkpoint: str, device: str = "cpu") -> None:
        opened = load_checkpoint(checkpoint, architecture=self.name)
        self._set_up(opened, checkpoint=checkpoint, device=device)

    def _set_up(self, opened: Checkpoint, *, checkpoint: str, device: str) -> None:
        """Network and card of an opened checkpoint, which the user called `checkpoint`.

        Raises:
            CheckpointError: its weights or hyper-parameters do not fit.
        """
        card = opened.card
        config = net_config(self.task.net_config, opened)
        # Without memory or random numbers until the weights are known to fit.
        with torch.device("meta"):
            self._net = self.task.build(config, classes=())
        fill(self._net, opened)
        self._net.to(device).eval()
        self._device = device
        self.card = SystemCard(
            name=self.name,
            family=self.family,
            description=self.description,
            clues=frozenset({"enrollment"}),
            sample_rate_hz=card.sample_rate_hz,
            causal=bool(getattr(config, "causal", False)),
            checkpoint=checkpoint,
            sha256=card.sha256,
            licence=card.licence,
            training_data=card.training_data,
            options=dict(card.net),
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without an enrollment fail alone.

        Raises:
            ExtractionError: the batch is not at the card's sample rate.
        """
        if batch.sample_rate_hz != self.card.sample_rate_hz:
            raise ExtractionError(
                f"system {self.name!r} works at {self.card.sample_rate_hz} Hz, but the batch is at "
                f"{batch.sample_rate_hz} Hz; resample it"
            )
        enrollments = [clues.enrollments for clues in batch.clues]
        failures = {
            query_id: "the query has no enrollment, and this system needs at least one"
            for query_id, signals in zip(batch.ids, enrollments, strict=True)
            if not has_samples(signals)
        }
        heard = [signals if has_samples(signals) else () for signals in enrollments]
        mixture = batch.mixture[:, 0].to(self._device)
        estimate = self._net(
            mixture, batch.lengths.to(self._device), *join_enrollments(heard, device=self._device)
        )
        return Extraction(estimate=estimate, failures=failures)


def has_samples(signals: Sequence[Tensor]) -> bool:
    """Whether there is anything to hear in these enrollments."""
    return any(len(signal) for signal in signals)


def enrollments_of(batch: TrainBatch) -> tuple[Tensor, Tensor]:
    """Enrollments [B, T'] and lengths [B] of a training batch, on its device.

    Raises:
        ConfigError: a trial has no enrollment.
    """
    queries = batch.queries
    for query_id, clues in zip(queries.ids, queries.clues, strict=True):
        if not has_samples(clues.enrollments):
            raise ConfigError(
                f"trial {query_id!r} of the training data has no enrollment, from which this "
                "system knows its target; choose a data.dataset with enrollments"
            )
    enrolled = [clues.enrollments for clues in queries.clues]
    return join_enrollments(enrolled, device=queries.mixture.device)


def speakers_of(batch: TrainBatch) -> tuple[str, ...]:
    """Who speaks in the target of each trial of a training batch.

    Raises:
        ConfigError: a target has not one speaker.
    """
    for query_id, labels in zip(batch.queries.ids, batch.target_labels, strict=True):
        if len(labels) != 1:
            raise ConfigError(
                f"trial {query_id!r} of the training data has {len(labels)} target speakers, and a "
                "loss of speakers needs one; set net.speakers: 0, or choose other data"
            )
    return tuple(labels[0] for labels in batch.target_labels)
