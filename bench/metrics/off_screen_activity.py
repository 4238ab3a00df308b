"""Activity of the off-screen speaker over time, as a system finds it, against that of the clean off-screen speech."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ...systems.nets.voice_activity import voice_activity
from ...systems.protocol import ACTIVITY_HOP_S, activity_frames
from ..outcome import Outcome, Submit, failed, undefined
from ..statistics.class_thresholds import Ranked
from .protocol import Answered, MetricInfo
from .registry import METRICS

OFF_SCREEN = "off"
"""Id of the off-screen speech among the parts of a target."""

_F1, _AP, _FALSE = "off_screen_activity_f1", "off_screen_average_precision", "off_screen_false_alarms"

Threshold = Annotated[
    float, Field(ge=0.0, le=1.0, description="a frame whose probability reaches it is active, 0 to 1")
]
Probabilities = NDArray[np.float64]
Frames = NDArray[np.bool_]
Compare = Callable[[Frames, Probabilities], Outcome]


class OffScreenActivity:
    """Compares frames of 10 ms: the probability that a system gives, and whether the off-screen speaker speaks.

    The truth is the clean off-screen speech of the target: a frame is active if the power of the 30 ms around its
    middle is at most 40 dB below its loudest frame's. Where the mixture holds none of it, because it has zero length or
    is muted, every frame is inactive. On-screen speech plays no part, muted or not. Undefined for a system that gives
    no activity (`no_activity`).
    """

    def __init__(self, info: MetricInfo, compare: Compare, *, settings: str = "") -> None:
        self.info = replace(info, unit="0..1", needs=("activity",))
        self._compare, self._settings = compare, settings

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - frames are of time
        """`off_screen_activity_f1|threshold:0.5|frames:10ms|window:30ms|range:40dB|tsebench:1`."""
        return f"{self.info.name}|{self._settings}frames:10ms|window:30ms|range:40dB|tsebench:1"

    @torch.no_grad()
    def judge(
        self,
        answers: Sequence[Answered],
        *,
        sample_rate_hz: int,
        submit: Submit,  # noqa: ARG002
    ) -> Sequence[Outcome]:
        """One value for each answer."""
        return [self._outcome(answer, sample_rate_hz) for answer in answers]

    def _outcome(self, answer: Answered, sample_rate_hz: int) -> Outcome:
        if answer.facts.activity is None:
            return undefined("no_activity")
        given = answer.facts.activity.double().cpu().numpy()
        wanted = activity_frames(len(answer.mixture), sample_rate_hz)
        if abs(len(given) - wanted) > 1:  # resampling rounds lengths
            return failed(f"activity_length: {len(given)} frames of 10 ms for a mixture of {wanted}")
        if not np.isfinite(given).all():
            return failed("activity_non_finite")
        given = np.pad(given, (0, max(0, wanted - len(given))), mode="edge")[:wanted]
        return self._compare(true_activity(answer, wanted, sample_rate_hz=sample_rate_hz), given)


def true_activity(answer: Answered, num_frames: int, *, sample_rate_hz: int) -> Frames:
    """Frames [N] of 10 ms in which the off-screen speaker of a trial speaks."""
    speech = answer.facts.parts.get(OFF_SCREEN)
    if speech is None:
        return np.zeros(num_frames, np.bool_)
    middles = (torch.arange(num_frames, dtype=torch.float64) + 0.5) * (ACTIVITY_HOP_S * sample_rate_hz)
    active = voice_activity(speech.cpu()[None], middles, sample_rate_hz=sample_rate_hz)[0]
    return active.numpy().astype(np.bool_)


def _scores(truth: Frames, probabilities: Probabilities, *, threshold: float) -> Outcome:
    if not truth.any():
        return undefined("part_absent")
    found = probabilities >= threshold
    hits = np.count_nonzero(found & truth)
    if not hits:
        return Outcome(value=0.0, status="ok", parts=(0.0, 0.0))
    precision, recall = hits / np.count_nonzero(found), hits / np.count_nonzero(truth)
    return Outcome(
        value=float(2.0 * precision * recall / (precision + recall)),
        status="ok",
        parts=(float(precision), float(recall)),
    )


def _average_precision(truth: Frames, probabilities: Probabilities) -> Outcome:
    if not truth.any():
        return undefined("part_absent")
    ranked = Ranked.of(list(zip(probabilities.tolist(), truth.tolist(), strict=True)))
    return Outcome(value=ranked.average_precision(), status="ok")


def _false_alarms(truth: Frames, probabilities: Probabilities, *, threshold: float) -> Outcome:
    if truth.all():
        return undefined("no_pause")
    return Outcome(value=float(np.mean(probabilities[~truth] >= threshold)), status="ok")


@METRICS.register(_F1)
def off_screen_activity_f1(*, threshold: Threshold = 0.5) -> OffScreenActivity:
    """F1 score of the frames in which a system finds the off-screen speaker active, see `OffScreenActivity`.

    Its parts are `off_screen_activity_precision` and `off_screen_activity_recall`. A system that finds none of the
    active frames has 0 for all three. Undefined (`part_absent`) where the mixture holds no off-screen speech;
    `off_screen_false_alarms` looks at these.
    """
    part = MetricInfo(name=_F1, unit="0..1", higher_is_better=True, part_of=_F1)
    texts = {
        "off_screen_activity_precision": "frames found active in which the off-screen speaker speaks, of all found",
        "off_screen_activity_recall": "frames found active in which the off-screen speaker speaks, of all of these",
    }
    info = replace(
        part,
        part_of=None,
        order=132,
        description="frames in which the off-screen speaker is found active, F1 score",
        parts=tuple(replace(part, name=name, description=text) for name, text in texts.items()),
    )
    return OffScreenActivity(info, partial(_scores, threshold=threshold), settings=f"threshold:{threshold:g}|")


@METRICS.register(_AP)
def off_screen_average_precision() -> OffScreenActivity:
    """Average precision of the frames, ranked by the activity that a system gives: precision-recall in one number.

    Undefined (`part_absent`) where the mixture holds no off-screen speech. A system that always gives one probability
    has the share of active frames, see `OffScreenActivity`.
    """
    info = MetricInfo(
        name=_AP,
        higher_is_better=True,
        order=133,
        description="average precision of the off-screen speaker's activity over frames",
    )
    return OffScreenActivity(info, _average_precision)


@METRICS.register(_FALSE)
def off_screen_false_alarms(*, threshold: Threshold = 0.5) -> OffScreenActivity:
    """Share of the frames without off-screen speech in which a system finds it, see `OffScreenActivity`.

    Defined where the mixture holds no off-screen speech, too; undefined (`no_pause`) where it never pauses.
    """
    info = MetricInfo(
        name=_FALSE,
        higher_is_better=False,
        order=134,
        description="frames in which the silent off-screen speaker is found active, of all in which it is silent",
    )
    return OffScreenActivity(info, partial(_false_alarms, threshold=threshold), settings=f"threshold:{threshold:g}|")
