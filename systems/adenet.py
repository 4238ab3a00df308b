"""ADEnet: target speech extraction by the times at which the target speaks (Delcroix et al., ICASSP 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..core.errors import ConfigError
from ..datasets.types import ClueKind, Clues, Spans
from .nets.adenet import AdenetConfig, AdenetNet
from .protocol import Extraction, QueryBatch
from .registry import register_system
from .shared.batches import check_rate
from .shared.checkpoint_system import CheckpointSystem
from .trainable import TASKS, ExtractionLoss, TrainBatch

NAME = "adenet"

_NO_ACTIVITY = "the query has no activity of the target, and this system needs it"


class AdenetTask:
    """Loss of the estimates."""

    net_config = AdenetConfig

    def build(self, config: AdenetConfig, *, classes: tuple[str, ...]) -> AdenetNet:
        """Network with fresh weights; sound classes are not used."""
        del classes
        return AdenetNet(config)

    def loss(self, net: AdenetNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]."""
        queries = batch.queries
        activity = [_given(query_id, clues) for query_id, clues in zip(queries.ids, queries.clues, strict=True)]
        estimate = net(batch.mixture, queries.lengths, activity, queries.sample_rate_hz)
        return criterion(estimate=estimate, reference=batch.target, mixture=batch.mixture, present=batch.present)


@register_system(NAME)
class Adenet(CheckpointSystem):
    """Speaker activity driven extraction (ADEnet): a TD-SpeakerBeam whose clue is when the target speaks.

    No recording of the speaker is needed, and the times may come from a diarization. A target that never speaks is
    answered by silence. Where all speakers speak at the same times the clue tells nothing.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
    """

    name = NAME
    description = "Conv-TasNet adapted to the times at which the target speaks (Delcroix et al., 2021)"
    clues: ClassVar[frozenset[ClueKind]] = frozenset({"activity"})
    task = AdenetTask()

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without activity fail alone."""
        check_rate(batch, self.card)
        activity: Sequence[Spans] = [clues.activity or () for clues in batch.clues]
        failures = {
            query_id: _NO_ACTIVITY
            for query_id, clues in zip(batch.ids, batch.clues, strict=True)
            if clues.activity is None
        }
        mixture, lengths = batch.mixture[:, 0].to(self._device), batch.lengths.to(self._device)
        estimate = self._net(mixture, lengths, activity, batch.sample_rate_hz)
        speaks = torch.tensor([bool(spans) for spans in activity], device=estimate.device)
        return Extraction(estimate=estimate * speaks[:, None], failures=failures)


TASKS.register(NAME)(Adenet.task)


def _given(query_id: str, clues: Clues) -> Spans:
    if clues.activity is None:
        raise ConfigError(
            f"trial {query_id!r} of the training data has no activity, from which this system knows its target; set "
            "data.overrides.clues: [activity] of a set of speech mixtures"
        )
    return clues.activity
