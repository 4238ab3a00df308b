"""Speech in an estimate where the target is silent, by a detector of speech.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .protocol import MetricInfo
from .registry import METRICS
from .shared.activity import COLLAR, FRAME_S, ActivityMetric
from .shared.silero import SILERO, near_edges

_NAME = "speech_in_silence"


class SpeechInSilence(ActivityMetric):
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
        info = MetricInfo(
            name=_NAME,
            unit="s",
            higher_is_better=False,
            order=122,
            description="speech in the estimate where the target is silent, in each trial",
            scope="any",
            needs_reference=False,
            needs_reference_energy=False,
            options=SILERO.required,
            install=SILERO.install,
        )
        super().__init__(info, model, _seconds)


def _seconds(target: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """Seconds of stray speech."""
    return FRAME_S * stray_frames(target, found)


def stray_frames(target: NDArray[np.bool_], found: NDArray[np.bool_]) -> int:
    """Number of frames [N] with speech where the target has none, except near its beginnings and ends."""
    return int(np.count_nonzero(found & ~target & ~near_edges(target, COLLAR)))


METRICS.register(_NAME)(SpeechInSilence)
