"""SoundBeam with class labels as the clue (Delcroix et al., Interspeech 2021, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ..errors import ExtractionError, suggest
from ..validation import StrictModel
from .checkpoint import fill, load_checkpoint, net_config
from .nets.extractor import Extractor, ExtractorConfig
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .training.task import TASKS, ExtractionLoss, TrainBatch

NAME = "soundbeam"


class SoundBeamNet(nn.Module):
    """Conditioned Conv-TasNet with one embedding for each class.

    Args:
        config: hyper-parameters.
        classes: vocabulary, V labels.
    """

    def __init__(self, config: ExtractorConfig, *, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.classes = classes
        self.extractor = Extractor(config)
        # Rows are the columns of the paper's W. Around one, so that training starts from a network
        # in which the clue neither mutes nor flips channels.
        columns = 1.0 + 0.5 * torch.randn(len(classes), config.embedding_dim)
        self.embedding = nn.Parameter(columns)

    def forward(self, mixture: Tensor, lengths: Tensor, query: Tensor) -> Tensor:
        """Extract the sum of the classes asked for.

        Args:
            mixture: [B, T], zeros past each length.
            lengths: [B].
            query: [B, V] multi-hot o; the embedding is W o (eq. 3).

        Returns:
            The estimate [B, T].
        """
        estimate: Tensor = self.extractor(mixture, lengths, query @ self.embedding)
        return estimate


class SoundBeam:
    """Target sound extraction by class labels (1-hot SoundBeam).

    Args:
        checkpoint: a folder, a weights file with its card beside it, or a shipped name.
        device: "cpu", "cuda", ...

    Raises:
        CheckpointError: the checkpoint is missing, damaged, unsafe or does not fit.
    """

    card: SystemCard

    def __init__(self, *, checkpoint: str, device: str = "cpu") -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        card = opened.card
        config = net_config(ExtractorConfig, opened)
        # Without memory or random numbers until the weights are known to fit.
        with torch.device("meta"):
            self._net = SoundBeamNet(config, classes=card.classes)
        fill(self._net, opened)
        self._net.to(device).eval()
        self._device = device
        self._classes = card.classes
        self.card = SystemCard(
            name=NAME,
            family="discriminative",
            description="Conv-TasNet conditioned on class labels (Delcroix et al., 2021)",
            clues=frozenset({"classes"}),
            sample_rate_hz=card.sample_rate_hz,
            causal=config.causal,
            checkpoint=checkpoint,
            sha256=card.sha256,
            licence=card.licence,
            training_data=card.training_data,
            classes=card.classes,
            options=dict(card.net),
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a known class fail alone.

        Raises:
            ExtractionError: the batch is not at the card's sample rate.
        """
        if batch.sample_rate_hz != self.card.sample_rate_hz:
            raise ExtractionError(
                f"system {NAME!r} works at {self.card.sample_rate_hz} Hz, but the batch is at "
                f"{batch.sample_rate_hz} Hz; resample it"
            )
        failures = {
            name: reason
            for name, clues in zip(batch.ids, batch.clues, strict=True)
            if (reason := self._reason(clues.classes))
        }
        labels = [
            () if q in failures else c.classes for q, c in zip(batch.ids, batch.clues, strict=True)
        ]
        query = multi_hot(labels, self._classes).to(self._device)
        mixture = batch.mixture[:, 0].to(self._device)
        estimate = self._net(mixture, batch.lengths.to(self._device), query)
        return Extraction(estimate=estimate, failures=failures)

    def _reason(self, labels: Sequence[str]) -> str | None:
        """Why these labels cannot be answered, or None."""
        if not labels:
            return "the query names no sound class, and this system needs at least one"
        unknown = next((label for label in labels if label not in self._classes), None)
        if unknown is None:
            return None
        return f"unknown sound class {unknown!r}{suggest(unknown, self._classes)}"


def multi_hot(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> Tensor:
    """Labels of B queries as a float matrix [B, V] over the vocabulary `classes`."""
    index = {label: column for column, label in enumerate(classes)}
    query = torch.zeros(len(labels), len(classes))
    for row, names in zip(query, labels, strict=True):
        for name in names:
            row[index[name]] = 1.0
    return query


class SoundBeamTask:
    """How the engine trains it."""

    net_config: type[StrictModel] = ExtractorConfig

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights."""
        return SoundBeamNet(cast(ExtractorConfig, net), classes=classes)

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates."""
        soundbeam = cast(SoundBeamNet, net)
        mixture = batch.queries.mixture[:, 0]
        query = multi_hot([clues.classes for clues in batch.queries.clues], soundbeam.classes)
        estimate = soundbeam(mixture, batch.queries.lengths, query.to(mixture.device))
        return criterion(
            estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present
        )


register_system(NAME)(SoundBeam)
TASKS.register(NAME)(SoundBeamTask())
