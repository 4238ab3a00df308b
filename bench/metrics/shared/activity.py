"""Common part of the metrics that compare when estimate and target have speech.

The target's activity is what Silero VAD finds in its reference, or, without a reference, what the set says of it.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ....core.onnx import Model
from ...outcome import Outcome, Submit, undefined
from ..protocol import Answered, MetricInfo
from .samples import rate_signature, samples_of
from .silero import RATE_HZ, SETTINGS, choose_silero, speech_frames

if TYPE_CHECKING:
    from ....datasets.types import Spans

COLLAR = 5
"""Frames of 10 ms next to a beginning or an end of the target that do not count."""

FRAME_S = 0.01
Frames = NDArray[np.bool_]
Samples = NDArray[np.float32]
Compare = Callable[[Frames, Frames], "float | Outcome"]
"""Value of the frames [N] with speech in the target, and in the estimate; a function that can be pickled."""


class ActivityMetric:
    """Compares the speech that Silero VAD finds in the estimate with the target's activity.

    Args:
        model: the user's file; None: the package's.
    """

    def __init__(self, info: MetricInfo, model: Path | None, compare: Compare) -> None:
        self.info = info
        self._compare = compare
        self._chosen = choose_silero(model, where=f"metric {info.name!r}")

    def signature(self, sample_rate_hz: int) -> str:
        """`timing_f1|model:...|sha256:...|onnxruntime:...|threshold:0.5|...|frames:10ms|collar:50ms|fs:16000`."""
        frames = f"frames:10ms|collar:50ms|{rate_signature(sample_rate_hz, wanted_hz=RATE_HZ)}"
        return f"{self.info.name}|{self._chosen.model.signature()}|{SETTINGS}|{frames}|tsebench:1"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """The value of each answer; a target without reference whose activity is unknown has none."""
        job = partial(_judged, sample_rate_hz=sample_rate_hz, model=self._chosen.model, compare=self._compare)
        return [
            undefined("no_activity")
            if target is None
            else submit(partial(job, samples_of(answer.estimate), target=target))
            for answer in answers
            for target in [_target(answer)]
        ]


def _target(answer: Answered) -> Samples | Spans | None:
    """The reference, or when the target speaks; None if there is neither."""
    return samples_of(answer.reference) if answer.referenced else answer.facts.speech_times


def _judged(
    estimate: Samples, *, target: Samples | Spans, sample_rate_hz: int, model: Model, compare: Compare
) -> float | Outcome:
    """Value of an estimate [T] against a reference [T] or the times of activity, in any process."""
    found = speech_frames(estimate, sample_rate_hz=sample_rate_hz, model=model)
    if not isinstance(target, tuple):
        return compare(speech_frames(target, sample_rate_hz=sample_rate_hz, model=model), found)
    return compare(frames_of(target, len(found)), found)


def frames_of(activity: Spans, count: int) -> Frames:
    """Frames of 10 ms [count] whose middle lies in the times (start, end) in s."""
    frames = np.zeros(count, dtype=np.bool_)
    middles_s = (np.arange(count) + 0.5) * FRAME_S
    for start_s, end_s in activity:
        frames |= (middles_s >= start_s) & (middles_s < end_s)
    return frames
