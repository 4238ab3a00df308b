"""Degradation `video_lost`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..protocols.degradation import DEGRADATIONS, Degradation, UnfitTrialError
from ..types import Trial

if TYPE_CHECKING:
    from ..dataset import Dataset

_ALL = 100.0


@DEGRADATIONS.register("video_lost")
class VideoLost(Degradation):
    """The video of the clue stops, and its last picture stays; the sound goes on.

    Other faults of videos are options of the builder `av_mix`.

    Args:
        level: share of the video that is lost at its end, in percent; at 100 all pictures are black.
    """

    title = "lost video"
    examples = (50, 100)
    unit = "%"
    renders = False

    def __init__(self, *, level: Annotated[float, Field(ge=0, le=_ALL)]) -> None:
        self._kept = 1.0 - level / _ALL

    def clue(self, trial: Trial, of: Dataset, seed: int) -> Trial:
        """The trial with a shorter video."""
        del of, seed
        video = trial.clue.video
        if video is None:
            raise UnfitTrialError("no video")
        frames = max(1, round(video.frames * self._kept)) if self._kept > 0 else 0
        return replace(trial, clue=replace(trial.clue, video=replace(video, frames=frames)))
