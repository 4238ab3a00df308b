"""Degradation `wrong_enrollment`."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Literal

from ..builders.shared.absent_speakers import ranked
from ..protocols.degradation import DEGRADATIONS, UnfitTrialError
from ..types import Trial
from .shared.signals import needs_enrollment
from .shared.voices import VoiceDegradation

if TYPE_CHECKING:
    from ..dataset import Dataset


@DEGRADATIONS.register("wrong_enrollment")
class WrongEnrollment(VoiceDegradation):
    """An enrollment of another speaker, while the reference stays that of the target.

    A system that follows its clue must fail here; one that loses nothing does not use its clue. Trials that
    also name classes are left out.

    Args:
        level: "interferer": another speaker of the mixture, by a recording that the mixture does not use; "absent": a
            speaker of the same part of the corpus who is not in the mixture.
    """

    title = "wrong enrollment"
    examples = ("interferer", "absent")
    renders = False

    def __init__(self, *, level: Literal["interferer", "absent"]) -> None:
        super().__init__()
        self._level = level

    def clue(self, trial: Trial, of: Dataset, seed: int) -> Trial:
        """The trial with the enrollment of another speaker."""
        voices = self.voices(of)
        first = needs_enrollment(trial).clue.enrollments[0]
        if trial.clue.classes:
            raise UnfitTrialError("the clue names classes")
        if trial.recorded is not None:
            raise UnfitTrialError("the speakers of the mixture are unknown")
        mixture = of.mixtures[trial.mixture_id]
        there = {source.label for source in mixture.sources if source.role == "foreground"}
        meant = {source.label for source in mixture.sources if source.id in trial.target_ids}
        known = voices.labels(first)
        others = there - meant if self._level == "interferer" else known - there
        # For an absent target, its own enrollment would be the right one.
        wrong = (others & known) - {voices.label(first)}
        count = len(trial.clue.enrollments)
        for label in ranked(wrong, (seed, "wrong enrollment")):
            clips = tuple(islice(voices.others(first, label, trial, seed), count))
            if len(clips) == count:
                return replace(trial, clue=replace(trial.clue, enrollments=clips))
        raise UnfitTrialError(f"no enrollment of an {self._level} speaker")
