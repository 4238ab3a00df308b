"""The video that a query shows of an on-screen speaker: the right one, or one with a fault.

Reports import this module for the faults: it must stay cheap to import.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from ....types import VideoClip

Shown = Literal["right", "wrong", "missing", "frozen", "dropped", "late"]
"""Fault of a video.

"wrong" is a film of another speaker, "missing" black pictures, "frozen" the first picture all the time, "dropped" a
video that stops at a random place after the first fifth, where its last picture stays, and "late" one that begins some
pictures before the sound.
"""

_FIRST_DROP, _LAST_DROP = 0.2, 0.8


def shown(
    video: VideoClip, fault: Shown, *, late_pictures: int, other: VideoClip, rng: np.random.Generator
) -> VideoClip:
    """The clip with a fault; a video that is shorter than its mixture keeps its last picture (`datasets.trials`).

    Args:
        late_pictures: pictures that a late video is behind; its clip must begin so many into the film.
        other: a film of another speaker.
        rng: draws where a dropped video stops.
    """
    if fault == "wrong":
        return other
    if fault == "missing":
        return replace(video, frames=0)
    if fault == "frozen":
        return replace(video, frames=1)
    if fault == "dropped":
        return replace(video, frames=max(1, round(video.frames * float(rng.uniform(_FIRST_DROP, _LAST_DROP)))))
    return replace(video, start=video.start - late_pictures) if fault == "late" else video
