"""Degradation `other_enrollment`."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..protocols.degradation import DEGRADATIONS, UnfitTrialError
from ..types import EnrollmentClip, Trial
from .shared.signals import needs_enrollment
from .shared.voices import VoiceDegradation

if TYPE_CHECKING:
    from ..dataset import Dataset


@DEGRADATIONS.register("other_enrollment")
class OtherEnrollment(VoiceDegradation):
    """The same query by another enrollment of the same voice: how much a system depends on the one that it is given.

    Levels 1 to K − 1 and the plain set ask every mixture by K different enrollments; the first is that of the plain
    set, and fewer are the first of more. Each is another recording of the speaker (or sound class) from the same part
    of the corpus, of at most 10 s, which the mixture does not use; a trial with too few is left out of the level.

    Args:
        level: which of the other enrollments, from 1.
    """

    title = "other enrollment"
    examples = (1, 2)
    renders = False

    def __init__(self, *, level: Annotated[int, Field(ge=1)]) -> None:
        super().__init__()
        self._number = level

    def clue(self, trial: Trial, of: Dataset, seed: int) -> Trial:
        """The trial with other enrollments."""
        voices = self.voices(of)
        given = needs_enrollment(trial).clue.enrollments
        labels = [voices.label(clip) for clip in given]
        found: list[EnrollmentClip] = []
        for place, (clip, label) in enumerate(zip(given, labels, strict=True)):
            # Several enrollments of one label get different recordings.
            index = (self._number - 1) * labels.count(label) + labels[:place].count(label)
            other = next(islice(voices.others(clip, label, trial, seed), index, None), None)
            if other is None:
                raise UnfitTrialError("too few recordings of the voice")
            found.append(other)
        return replace(trial, clue=replace(trial.clue, enrollments=tuple(found)))
