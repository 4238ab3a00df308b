"""Times at which an estimate has speech, against those of the target: precision, recall and F1 of frames.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..outcome import Outcome, UndefinedValueError
from .protocol import MetricInfo
from .registry import METRICS
from .shared.activity import COLLAR, ActivityMetric
from .shared.silero import SILERO, near_edges

_NAME = "timing_f1"


class TimingF1(ActivityMetric):
    """`timing_f1`: F1 score of the frames in which the estimate has speech, against the target's activity.

    Its parts are `timing_precision`, the share of the estimate's speech at times at which the target speaks, and
    `timing_recall`, the share of the target's time at which the estimate has speech. Speech is what Silero VAD finds,
    in the estimate and in the reference alike, in frames of 10 ms; without a reference, as of real recordings, the set
    says when the target speaks. Frames up to 50 ms from where the target begins or ends do not count. An estimate
    without speech has 0 for all three. Undefined (`no_speech`) where no speech is found in the reference, and
    (`no_activity`) where there is none and the set says nothing.

    Args:
        model: `silero_vad_16k_sequence.onnx` of the package silero-vad; null: the one of the installed package, see
            `pip install 'tsebench[vad]'`.
    """

    def __init__(self, *, model: Path | None = None) -> None:
        part = MetricInfo(name=_NAME, unit="0..1", higher_is_better=True, part_of=_NAME, needs_reference=False)
        texts = {
            "timing_precision": "time of speech in the estimate at which the target speaks, of all of it",
            "timing_recall": "time of the target's speech at which the estimate has speech, of all of it",
        }
        info = replace(
            part,
            part_of=None,
            order=123,
            description="frames with speech in the estimate against the target's activity, F1 score",
            parts=tuple(replace(part, name=name, description=text) for name, text in texts.items()),
            options=SILERO.required,
            install=SILERO.install,
        )
        super().__init__(info, model, _scores)


def _scores(target: NDArray[np.bool_], found: NDArray[np.bool_]) -> Outcome:
    """F1, with precision and recall as its parts."""
    f1, *parts = frame_scores(target, found)
    return Outcome(value=f1, status="ok", parts=tuple(parts))


def frame_scores(target: NDArray[np.bool_], found: NDArray[np.bool_]) -> tuple[float, float, float]:
    """F1, precision and recall of the frames [N] with speech, without those near a beginning or an end of the target.

    Raises:
        UndefinedValueError: no frame of the target counts.
    """
    counted = ~near_edges(target, COLLAR)
    target, found = target[counted], found[counted]
    if not target.any():
        raise UndefinedValueError("no_speech: none is found in the reference")
    hits = np.count_nonzero(target & found)
    if not hits:
        return 0.0, 0.0, 0.0
    precision, recall = hits / np.count_nonzero(found), hits / np.count_nonzero(target)
    return float(2.0 * precision * recall / (precision + recall)), float(precision), float(recall)


METRICS.register(_NAME)(TimingF1)
