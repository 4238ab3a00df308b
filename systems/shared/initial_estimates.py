"""Initial estimates by a frozen discriminative network, whose weights stay in a checkpoint of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...core.errors import CheckpointError, ConfigError
from ..checkpoints.checkpoint import Checkpoint, Initial, load_checkpoint, read_checkpoint_card
from ..checkpoints.networks import open_net
from ..nets.enrollment import AnyEnrolledNet, EnrolledNet
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
        reference: a folder, a weights file with its card next to it, or a shipped name.
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
