"""Waveformer: target sound extraction in real time by class labels (Veluri et al., ICASSP 2023)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import ExtractionError
from ..datasets.types import Query
from .checkpoints.checkpoint import Checkpoint, load_checkpoint
from .checkpoints.networks import open_net, system_card
from .nets.past import Past
from .nets.waveformer import WaveformerConfig, WaveformerNet
from .protocol import Extraction, QueryBatch
from .registry import register_system
from .shared.batches import check_rate
from .shared.class_queries import multi_hot, read_labels, refusal, requested_classes
from .shared.streams import BlockStream, begin_stream
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME = "waveformer"
DESCRIPTION = "dilated causal encoder and transformer decoder of chunks, by class labels (Veluri et al., 2023)"


class WaveformerTask:
    """Loss of the estimates."""

    net_config = WaveformerConfig

    def build(self, config: WaveformerConfig, *, classes: tuple[str, ...]) -> WaveformerNet:
        """Network with fresh weights."""
        return WaveformerNet(config, classes=classes)

    def loss(self, net: WaveformerNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]."""
        query = requested_classes(batch, net.classes).to(batch.mixture.device)
        estimate = net(batch.mixture, batch.queries.lengths, query)
        return criterion(estimate=estimate, reference=batch.target, mixture=batch.mixture, present=batch.present)


TASKS.register(NAME)(WaveformerTask())


@register_system(NAME)
class Waveformer:
    """Target sound extraction by class labels, several of which may be wanted at once.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
    """

    def __init__(self, *, checkpoint: str, device: str = "cpu") -> None:
        self._set_up(load_checkpoint(checkpoint, architecture=NAME), name=NAME, reference=checkpoint, device=device)

    def _set_up(self, opened: Checkpoint, *, name: str, reference: str, device: str) -> None:
        config, self._net = open_net(WaveformerTask(), opened, device=device)
        self._device = device
        self.card = system_card(
            opened,
            name=name,
            family="discriminative",
            description=DESCRIPTION,
            clues=frozenset({"classes"}),
            reference=reference,
            causal=True,
            chunk_samples=config.chunk_samples,
            lookahead_samples=config.lookahead_samples,
            classes=self._net.classes,
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a known class fail alone."""
        check_rate(batch, self.card)
        labels, failures = read_labels(batch, self._net.classes)
        query = multi_hot(labels, self._net.classes).to(self._device)
        estimate = self._net(batch.mixture[:, 0].to(self._device), batch.lengths.to(self._device), query)
        return Extraction(estimate=estimate, failures=failures)

    @torch.inference_mode()
    def start(self, query: Query) -> BlockStream:
        """Begin a stream; see `StreamingSystem`."""
        begin_stream(self, query)
        if reason := refusal(query.clues.classes, self._net.classes):
            raise ExtractionError(reason)
        wanted = multi_hot([query.clues.classes], self._net.classes).to(self._device)
        return waveformer_stream(self._net, wanted, device=self._device)


def waveformer_stream(net: WaveformerNet, query: Tensor, *, device: str) -> BlockStream:
    """Stream of a Waveformer for a multi-hot query [1, V]."""
    past, embedding, config = Past(), net.labels(query), net.config
    return BlockStream(
        lambda window: net.part(window, embedding, past),
        chunk=config.chunk_samples,
        frame=config.frame,
        history=net.history,
        lookahead=config.lookahead_samples,
        device=device,
    )
