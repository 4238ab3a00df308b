"""Base of systems that know their target by an enrollment: system, training task, batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.validation import StrictModel
from ...datasets.types import ClueKind
from ..nets.enrollment import AnyEnrolledNet, join_enrollments
from ..protocol import Extraction, QueryBatch
from ..trainable import ExtractionLoss, TrainBatch
from .batches import check_rate
from .checkpoint_system import CheckpointSystem

Config = TypeVar("Config", bound=StrictModel)
Net = TypeVar("Net", bound=AnyEnrolledNet)

NO_ENROLLMENT = "the query has no enrollment, and this system needs at least one"


class EnrolledTask(Generic[Config, Net]):
    """Train an `EnrolledNet` on the loss of its estimates and of its speaker head, if it has one."""

    net_config: type[Config]  # class of the hyper-parameters; has `speaker_loss` if the network has a speaker head
    net_class: type[Net]  # class of the network

    def build(self, config: Config, *, classes: tuple[str, ...]) -> Net:
        """Network with fresh weights; sound classes are not used."""
        del classes
        return self.net_class(config)

    def loss(self, net: Net, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates, and in training the weighted ones of the speakers."""
        embedding = net.embed(*enrollments_of(batch))
        losses = self.estimate_losses(net, embedding, batch, criterion)
        # The speakers of the validation data have no output of their own.
        if net.speakers is None or not net.training:
            return losses
        speaker_losses = net.speakers.loss(embedding, speakers_of(batch))
        return losses + float(net.config.speaker_loss) * speaker_losses

    def estimate_losses(self, net: Net, embedding: Any, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates for given embeddings, of the kind that the network takes."""
        estimate: Tensor = net.extract(batch.mixture, batch.queries.lengths, embedding)
        return criterion(estimate=estimate, reference=batch.target, mixture=batch.mixture, present=batch.present)


class EnrolledSystem(CheckpointSystem):
    """Target speech extraction by an enrollment of the target speaker."""

    clues: ClassVar[frozenset[ClueKind]] = frozenset({"enrollment"})

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without an enrollment fail alone."""
        check_rate(batch, self.card)
        enrollments = [clues.enrollments if has_samples(clues.enrollments) else () for clues in batch.clues]
        failures = {
            query_id: NO_ENROLLMENT for query_id, signals in zip(batch.ids, enrollments, strict=True) if not signals
        }
        estimate, activity = self._answer(
            batch.mixture[:, 0].to(self._device),
            batch.lengths.to(self._device),
            *join_enrollments(enrollments, device=self._device),
        )
        return Extraction(estimate=estimate, activity=activity, failures=failures)

    def _answer(
        self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Estimates [B, T], and the activity [B, K] of the speakers if the network finds it, see `Extraction`."""
        return self._net(mixture, lengths, enrollment, enrollment_lengths), None


def has_samples(enrollments: Sequence[Tensor]) -> bool:
    """Whether any of these signals [T_k] has samples."""
    return any(len(signal) for signal in enrollments)


def enrollments_of(batch: TrainBatch) -> tuple[Tensor, Tensor]:
    """Enrollments [B, T'] and lengths [B] of a training batch, on its device; a ConfigError if one is missing."""
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
    """Target speaker of each trial of a training batch; a ConfigError unless each has exactly one."""
    for query_id, labels in zip(batch.queries.ids, batch.target_labels, strict=True):
        if len(labels) != 1:
            raise ConfigError(
                f"trial {query_id!r} of the training data has {len(labels)} target speakers, and a "
                "loss of speakers needs one; set net.speakers: 0, or choose other data"
            )
    return tuple(labels[0] for labels in batch.target_labels)
