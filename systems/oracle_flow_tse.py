"""Flow matching from the background with the true mixing ratio: the privileged variant of AD-FlowTSE (2025)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..core.errors import CheckpointError
from ..datasets.types import Truth
from .flow_tse import FlowTse
from .nets.speech_generator.given import LevelledSignals, SpeechConditions
from .protocol import Extraction, QueryBatch
from .registry import register_system
from .shared.background_flow import begin_at, mixing_ratio
from .shared.generated_speech import Beginning, GeneratedSpeech

NAME = "oracle_flow_tse"


@register_system(NAME)
class OracleFlowTse(GeneratedSpeech):
    """Checkpoint of `flow_tse` on a path from the background that reads the mixing ratio from the truth."""

    name = NAME
    architecture = FlowTse.architecture
    description = "flow matching from the background, with the true mixing ratio of target and background"
    family = "oracle"
    task = FlowTse.task

    def __init__(
        self, *, checkpoint: str, steps: int | None = None, initial: str | None = None, device: str = "cpu"
    ) -> None:
        super().__init__(checkpoint=checkpoint, steps=steps, initial=initial, device=device)
        if self._net.draws_noise:
            raise CheckpointError(
                f'system {NAME!r} needs a checkpoint with net.start = "background", and that of {checkpoint!r} is '
                f"{self._net.config.start!r}; use the system 'flow_tse' for it"
            )

    @torch.inference_mode()
    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; queries without an enrollment fail alone."""
        return self._answer(batch, truths)

    def _begin(self, signals: LevelledSignals, given: SpeechConditions, truths: Sequence[Truth] | None) -> Beginning:
        mixture = signals.mixture * signals.level
        targets = [
            torch.zeros_like(row) if truth.target is None else truth.target[0].to(row)
            for row, truth in zip(mixture, truths or (), strict=True)
        ]
        ratio = mixing_ratio(target=torch.stack(targets), mixture=mixture)
        return begin_at(ratio, signals=signals, given=given)
