"""TD-SpeakerBeam: target speech extraction in the time domain (Delcroix et al., ICASSP 2020)."""

from __future__ import annotations

import torch

from ..core.errors import ExtractionError
from ..datasets.types import Query
from .nets.enrollment import join_enrollments
from .nets.td_speakerbeam import TdSpeakerBeamConfig, TdSpeakerBeamNet
from .registry import register_system
from .shared.enrolled import NO_ENROLLMENT, EnrolledSystem, EnrolledTask, has_samples
from .shared.streams import BlockStream, StreamFrames, begin_stream, extractor_stream, with_stream
from .trainable import TASKS

NAME = "td_speakerbeam"


class TdSpeakerBeamTask(EnrolledTask[TdSpeakerBeamConfig, TdSpeakerBeamNet]):
    """Loss of the estimates and of the speakers."""

    net_config = TdSpeakerBeamConfig
    net_class = TdSpeakerBeamNet


@register_system(NAME)
class TdSpeakerBeam(EnrolledSystem):
    """Time-domain SpeakerBeam (Delcroix et al., 2020): a Conv-TasNet conditioned on an enrollment.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
        stream_frames: that a stream answers at once; more of them mean more latency and less computation.
    """

    name = NAME
    description = "Conv-TasNet adapted to an enrollment of the speaker (Delcroix et al., 2020)"
    task = TdSpeakerBeamTask()

    def __init__(self, *, checkpoint: str, stream_frames: StreamFrames = 1, device: str = "cpu") -> None:
        super().__init__(checkpoint=checkpoint, device=device)
        self._stream_frames = stream_frames
        self.card = with_stream(self.card, self._config, frames=stream_frames)

    @torch.inference_mode()
    def start(self, query: Query) -> BlockStream:
        """Begin a stream; see `StreamingSystem`."""
        begin_stream(self, query)
        if not has_samples(query.clues.enrollments):
            raise ExtractionError(NO_ENROLLMENT)
        embedding = self._net.embed(*join_enrollments([query.clues.enrollments], device=self._device))
        return extractor_stream(self._net.extractor, embedding, frames=self._stream_frames, device=self._device)


TASKS.register(NAME)(TdSpeakerBeam.task)
