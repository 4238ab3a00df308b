"""Common part of the metrics that compare when estimate and target have speech.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....core.onnx import Model
from ...outcome import Outcome, Submit
from ..protocol import Answered, MetricInfo
from .samples import rate_signature, samples_of
from .silero import RATE_HZ, SETTINGS, choose_silero, speech_frames

COLLAR = 5
"""Frames of 10 ms next to a beginning or an end of the target that do not count."""

Frames = NDArray[np.bool_]
Compare = Callable[[Frames, Frames], "float | Outcome"]
"""Value of the frames [N] with speech in the target, and in the estimate; a function that can be pickled."""


class ActivityMetric:
    """Compares the speech that Silero VAD finds in the estimate and in the reference.

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
        """The value of each answer."""
        job = partial(_judged, sample_rate_hz=sample_rate_hz, model=self._chosen.model, compare=self._compare)
        return [submit(partial(job, samples_of(each.estimate), samples_of(each.reference))) for each in answers]


def _judged(
    estimate: NDArray[np.float32],
    reference: NDArray[np.float32],
    *,
    sample_rate_hz: int,
    model: Model,
    compare: Compare,
) -> float | Outcome:
    """Value of two signals [T], in any process."""
    target, found = (speech_frames(s, sample_rate_hz=sample_rate_hz, model=model) for s in (reference, estimate))
    return compare(target, found)
