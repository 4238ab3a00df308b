"""Speech in an estimate where the target is silent, by a detector of speech.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.onnx import Model
from ..outcome import Outcome, Submit
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.silero import SETTINGS, SILERO, choose_silero, near_edges, rate_signature, speech_frames

_NAME = "speech_in_silence"
_FRAME_S = 0.01
_COLLAR = 5  # frames

Array = NDArray[np.float32]


class SpeechInSilence:
    """`speech_in_silence`: seconds of a trial in which the estimate has speech and the target is silent.

    Speech of another talker that was let through, or words that a system made up, in the pauses of the target, and in
    all of a trial without a target. Speech is what Silero VAD finds, in the estimate and in the reference alike, in
    frames of 10 ms; frames up to 50 ms from where the target begins or ends do not count. The reference itself has 0 s.
    It does not notice another talker while the target speaks.

    Args:
        model: `silero_vad_16k_sequence.onnx` of the package silero-vad; null: the one of the installed package, see
            `pip install 'tsebench[vad]'`.
    """

    def __init__(self, *, model: Path | None = None) -> None:
        self.info = MetricInfo(
            name=_NAME,
            unit="s",
            higher_is_better=False,
            order=122,
            description="speech in the estimate where the target is silent, in each trial",
            scope="any",
            needs_reference_energy=False,
            options=SILERO.required,
            install=SILERO.install,
        )
        self._chosen = choose_silero(model, where=f"metric {_NAME!r}")

    def signature(self, sample_rate_hz: int) -> str:
        """`speech_in_silence|model:...|sha256:...|onnxruntime:...|threshold:0.5|...|frames:10ms|collar:50ms|fs:16000`."""
        frames = f"frames:10ms|collar:50ms|{rate_signature(sample_rate_hz)}"
        return f"{_NAME}|{self._chosen.model.signature()}|{SETTINGS}|{frames}|tsebench:1"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """The seconds of each answer."""
        job = partial(_seconds, sample_rate_hz=sample_rate_hz, model=self._chosen.model)
        pairs = [(answer.estimate, answer.reference) for answer in answers]
        return [submit(partial(job, *(s.detach().cpu().float().numpy() for s in pair))) for pair in pairs]


def _seconds(estimate: Array, reference: Array, *, sample_rate_hz: int, model: Model) -> float:
    """Seconds for two signals [T], in any process."""
    target, found = (speech_frames(s, sample_rate_hz=sample_rate_hz, model=model) for s in (reference, estimate))
    return _FRAME_S * stray_frames(target, found)


def stray_frames(target: NDArray[np.bool_], found: NDArray[np.bool_]) -> int:
    """Number of frames [N] with speech where the target has none, except near its beginnings and ends."""
    return int(np.count_nonzero(found & ~target & ~near_edges(target, _COLLAR)))


METRICS.register(_NAME)(SpeechInSilence)
