"""Degradation `enrollment_length`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..builders.shared.options import Seconds
from ..protocols.degradation import DEGRADATIONS, Rendering, UnfitTrialError
from ..types import Clip, EnrollmentClip, Query, Trial, Truth
from .shared.signals import needs_enrollment, with_enrollments
from .shared.voices import VoiceDegradation, Voices

if TYPE_CHECKING:
    from ..dataset import Dataset


@DEGRADATIONS.register("enrollment_length")
class EnrollmentLength(VoiceDegradation):
    """Enrollments of exactly one length; a shorter one is the beginning of a longer one.

    A given enrollment that is longer is cut. One that is shorter is continued without a pause by other recordings of
    the same voice, those of `other_enrollment`; a trial with too few is left out of the level. Trials with several
    enrollments are only shortened.

    Args:
        level: length of each enrollment.
    """

    title = "length of the enrollment"
    examples = (1, 4)
    unit = "s"

    def __init__(self, *, level: Seconds) -> None:
        super().__init__()
        self._length_s = level

    def clue(self, trial: Trial, of: Dataset, seed: int) -> Trial:
        """The trial with the length among its tags."""
        del of, seed
        count = len(needs_enrollment(trial).clue.enrollments)
        return replace(trial, tags={**trial.tags, "enrollment_s": round(count * self._length_s, 3)})

    def clips(self, trial: Trial, of: Dataset, seed: int) -> tuple[Clip, ...]:
        """Recordings that continue the enrollment, as many as it takes."""
        voices = self.voices(of)
        enrollments = trial.clue.enrollments
        missing_s = self._length_s - min(voices.seconds(clip) for clip in enrollments)
        if missing_s <= 0:
            return ()
        first = enrollments[0]
        if len(enrollments) > 1:
            raise UnfitTrialError("several enrollments, and one is shorter")
        clips: list[Clip] = []
        for other in self._others(voices, first, trial, seed):
            clips.append(other)
            missing_s -= voices.seconds(other)
            if missing_s <= 0:
                return tuple(clips)
        raise UnfitTrialError("too little speech of the voice")

    def apply(self, query: Query, truth: Truth, of: Rendering) -> tuple[Query, Truth]:
        """Continue and cut the enrollments."""
        length = max(1, round(self._length_s * query.sample_rate_hz))
        joined = [np.concatenate([each.numpy(), *of.clips])[:length] for each in query.clues.enrollments]
        return with_enrollments(query, tuple(map(torch.from_numpy, joined))), truth

    def _others(self, voices: Voices, first: EnrollmentClip, trial: Trial, seed: int) -> Iterator[Clip]:
        every = voices.others(first, voices.label(first), trial, seed)
        return (clip for clip in every if isinstance(clip, Clip))
