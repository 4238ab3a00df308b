"""Initial estimates by a frozen discriminative network, whose weights stay in a checkpoint of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...core.errors import CheckpointError, ConfigError
from ...datasets.batches import QueryBatch, resampled
from ..checkpoints.checkpoint import Checkpoint, Initial, load_checkpoint, read_checkpoint_card
from ..checkpoints.networks import open_net
from ..nets.enrollment import AnyEnrolledNet, EnrolledNet, join_enrollments
from ..nets.speech_generator.net import SpeechGenerator
from ..trainable import TASKS


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialEstimator:
    """A frozen network that extracts by an enrollment.

    Attributes:
        source: reference, architecture and hash of its checkpoint, for the cards of what is built on it.
        checkpoint: the opened checkpoint.
    """

    source: Initial
    checkpoint: Checkpoint
    net: AnyEnrolledNet

    @torch.no_grad()
    def extract(
        self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Estimates [B, T] and embeddings [B, D] from mixtures [B, T] and enrollments [B, T'], zeros past the lengths.

        Raises:
            ConfigError: the network's clue is not one vector.
        """
        net = self.net.to(mixture.device)
        embedding = net.embed(enrollment, enrollment_lengths)
        if not isinstance(embedding, Tensor):
            raise ConfigError(
                f"the initial estimate {self.source.checkpoint!r} has no embedding of the enrollment as one vector; "
                "choose another checkpoint, such as td_speakerbeam_mini"
            )
        estimate: Tensor = net.extract(mixture, lengths, embedding)
        return estimate, embedding.flatten(1)


def open_initial(reference: str, *, sample_rate_hz: int, recorded: Initial | None = None) -> InitialEstimator:
    """Open the checkpoint of an initial estimate.

    Args:
        reference: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
        recorded: as a card recorded it; its hash must be that of the checkpoint.

    Raises:
        CheckpointError: missing, damaged, not the recorded weights.
        ConfigError: its system does not extract by an enrollment, or it has another sample rate.
    """
    architecture = read_checkpoint_card(reference).architecture
    checkpoint = load_checkpoint(reference, architecture=architecture)
    found = checkpoint.card.sha256
    if recorded is not None and found != recorded.sha256:
        raise CheckpointError(
            f"the initial estimate {reference!r} has the sha256 {found[:12]}…, but the checkpoint was trained on "
            f"estimates of {recorded.checkpoint!r} with {recorded.sha256[:12]}…; give that one by the option `initial`"
        )
    _, net = open_net(TASKS.get(architecture), checkpoint, device="cpu")
    if not isinstance(net, EnrolledNet):
        raise ConfigError(
            f"the initial estimate {reference!r} is of system {architecture!r}, which does not extract by an "
            "enrollment; choose a checkpoint of td_speakerbeam, spex_plus or speakerbeam"
        )
    if checkpoint.card.sample_rate_hz != sample_rate_hz:
        raise ConfigError(
            f"the initial estimate {reference!r} works at {checkpoint.card.sample_rate_hz} Hz, and the data is at "
            f"{sample_rate_hz} Hz; choose one of that rate"
        )
    source = Initial(checkpoint=reference, architecture=architecture, sha256=found)
    return InitialEstimator(source=source, checkpoint=checkpoint, net=net.requires_grad_(False))


def attach_recorded(net: SpeechGenerator[Any], opened: Checkpoint, initial: str | None) -> None:
    """Give a network of a checkpoint the frozen one that it was trained with.

    Args:
        initial: where that one's checkpoint is, if not where the card says.

    Raises:
        CheckpointError: missing, damaged, or not the recorded weights.
    """
    recorded, reference = opened.card.initial, net.config.initial
    if reference is None:
        return
    if recorded is None:
        raise CheckpointError(
            f"checkpoint {str(opened.path)!r} takes the estimates of {reference!r}, but its card does not record "
            "their sha256 under `initial`; train it again by `tsebench train`"
        )
    rate = opened.card.sample_rate_hz
    net.initial = open_initial(initial or reference, sample_rate_hz=rate, recorded=recorded)


class InitialExtraction:
    """Initial estimates of the queries of a batch of any sample rate, with a checkpoint that has its own.

    Raises:
        CheckpointError: missing or damaged.
        ConfigError: its system does not extract by an enrollment.
    """

    def __init__(self, reference: str, *, device: str) -> None:
        self._rate_hz = read_checkpoint_card(reference).sample_rate_hz
        self._estimator = open_initial(reference, sample_rate_hz=self._rate_hz)
        self._device = device
        self.sha256 = self._estimator.source.sha256

    def estimates(self, batch: QueryBatch) -> tuple[Tensor, dict[str, str]]:
        """Estimates [B, T], and the reasons by query id where there is no enrollment."""
        found = torch.zeros_like(batch.mixture[:, 0])
        failures: dict[str, str] = {}
        for row, (query_id, clues) in enumerate(zip(batch.ids, batch.clues, strict=True)):
            signals = [self._resampled(each, batch.sample_rate_hz) for each in clues.enrollments if len(each)]
            if not signals:
                failures[query_id] = "the query has no enrollment, and the initial estimate needs at least one"
                continue
            length = int(batch.lengths[row])
            mixture = self._resampled(batch.mixture[row, 0, :length], batch.sample_rate_hz).to(self._device)
            lengths = torch.tensor([len(mixture)], device=self._device)
            enrolled = join_enrollments([signals], device=self._device)
            estimate, _ = self._estimator.extract(mixture[None], lengths, *enrolled)
            back = resampled(estimate[0].cpu(), self._rate_hz, batch.sample_rate_hz)[:length]
            found[row, : len(back)] = back.to(found)
        return found, failures

    def _resampled(self, signal: Tensor, from_hz: int) -> Tensor:
        return resampled(signal, from_hz, self._rate_hz)
