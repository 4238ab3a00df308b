"""TD-SpeakerBeam: target speech extraction in the time domain (Delcroix et al., ICASSP 2020)."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..core.errors import ExtractionError
from ..datasets.types import Query
from .checkpoints.checkpoint import Checkpoint
from .nets.enrollment import join_enrollments
from .nets.td_speakerbeam import TdSpeakerBeamConfig, TdSpeakerBeamNet
from .registry import register_system
from .shared.enrolled import NO_ENROLLMENT, EnrolledSystem, EnrolledTask, has_samples
from .shared.streams import BlockStream, begin_stream, extractor_stream
from .trainable import TASKS

NAME = "td_speakerbeam"


class TdSpeakerBeamTask(EnrolledTask[TdSpeakerBeamConfig, TdSpeakerBeamNet]):
    """Loss of the estimates and of the speakers."""

    net_config = TdSpeakerBeamConfig
    net_class = TdSpeakerBeamNet


@register_system(NAME)
class TdSpeakerBeam(EnrolledSystem):
    """Time-domain SpeakerBeam (Delcroix et al., 2020): a Conv-TasNet conditioned on an enrollment."""

    name = NAME
    description = "Conv-TasNet adapted to an enrollment of the speaker (Delcroix et al., 2020)"
    task = TdSpeakerBeamTask()

    def _set_up(self, checkpoint: Checkpoint, *, reference: str, device: str) -> None:
        super()._set_up(checkpoint, reference=reference, device=device)
        config: TdSpeakerBeamConfig = self._config
        self.card = replace(
            self.card,
            causal=config.streams,
            chunk_samples=config.chunk_samples,
            lookahead_samples=config.lookahead_samples,
        )

    @torch.inference_mode()
    def start(self, query: Query) -> BlockStream:
        """Begin a stream; see `StreamingSystem`."""
        begin_stream(self, query)
        if not has_samples(query.clues.enrollments):
            raise ExtractionError(NO_ENROLLMENT)
        embedding = self._net.embed(*join_enrollments([query.clues.enrollments], device=self._device))
        return extractor_stream(self._net.extractor, embedding, device=self._device)


TASKS.register(NAME)(TdSpeakerBeam.task)
