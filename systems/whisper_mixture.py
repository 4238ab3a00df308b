"""The mixture unchanged, with the text that a Whisper hears in it: the baseline of target-speaker recognition."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .checkpoints.checkpoint import load_checkpoint
from .checkpoints.networks import open_net, system_card
from .nets.whisper.base import Listener, WhisperConfig, new_listener
from .protocol import Extraction, QueryBatch
from .registry import register_system
from .shared.batches import check_rate
from .trainable import TASKS, ExtractionLoss, LossFacts, TrainBatch

NAME = "whisper_mixture"


class WhisperTask:
    """Train a Whisper with a small vocabulary of its own to recognise the clean targets."""

    net_config = WhisperConfig
    own_loss = LossFacts(name="words")

    def build(self, config: WhisperConfig, *, classes: tuple[str, ...]) -> Listener:
        """Whisper with fresh weights; sound classes are not used."""
        del classes
        return new_listener(config)

    def loss(self, net: Listener, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Mean cross-entropy [B] of the transcript's words given the target alone, in nats."""
        del criterion
        states = net.states(net.stems(batch.target, batch.queries.lengths))
        return net.losses(states, batch.transcripts, replaced=net.replaced_words if net.training else 0.0)


@register_system(NAME)
class WhisperMixture:
    """Returns the mixture, and as its transcript what a Whisper without adapters hears in it.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
    """

    task = WhisperTask()

    def __init__(self, *, checkpoint: str, device: str = "cpu") -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        _, self._net = open_net(self.task, opened, device=device)
        self._device = device
        card = system_card(
            opened,
            name=NAME,
            family="baseline",
            description="the mixture unchanged, with the text that a Whisper of a small vocabulary hears in it",
            clues=frozenset(),
            reference=checkpoint,
        )
        self.card = replace(card, transcribes=True)

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """The first channel of each mixture, and its text."""
        check_rate(batch, self.card)
        mixture, lengths = batch.mixture[:, 0].to(self._device), batch.lengths.to(self._device)
        states = self._net.states(self._net.stems(mixture, lengths))
        return Extraction(estimate=batch.mixture[:, 0], transcripts=self._net.texts(states, lengths))


TASKS.register(NAME)(WhisperMixture.task)
