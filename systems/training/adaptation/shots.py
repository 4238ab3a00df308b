"""Recordings of new classes that a few-shot dataset adapts with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from torch import Tensor

from ....core.errors import DatasetError
from ....datasets.dynamic import TrialStream
from ....datasets.types import Clip
from ..data import TrainingStream

ENROLLMENT_TRIALS = 100
"""Number of trials that are searched for enrollments."""


def find_enrollments(stream: TrainingStream, labels: Sequence[str]) -> dict[str, tuple[Tensor, ...]]:
    """Distinct recordings [T_k], sorted by their SHA-256, that enroll classes in the first trials of a stream.

    Raises:
        DatasetError: a class is never enrolled.
    """
    found: dict[str, dict[str, Tensor]] = {label: {} for label in labels}
    for index in range(min(ENROLLMENT_TRIALS, len(stream))):
        clues = stream[index][0].clues
        if len(clues.classes) == 1 and clues.classes[0] in found:
            for clip in clues.enrollments:
                found[clues.classes[0]][hashlib.sha256(clip.numpy().tobytes()).hexdigest()] = clip
    missing = next((label for label, clips in found.items() if not clips), None)
    if missing is not None:
        raise DatasetError(
            f"no enrollment of new class {missing!r} in {ENROLLMENT_TRIALS} trials; set enroll_from to a dataset that "
            "enrolls it (the test part of the same few-shot set), or init: rnd"
        )
    return {label: tuple(clips[key] for key in sorted(clips)) for label, clips in found.items()}


def adaptation_clips(
    mixed: TrainingStream, enrolled: TrainingStream | None, labels: Sequence[str], *, mixtures: int
) -> dict[str, tuple[str, ...]]:
    """Recordings of some classes that an adaptation uses, as CORPUS/PATH, sorted.

    Args:
        mixed: stream whose first mixtures are trained on; skipped if it has no recipe.
        enrolled: stream whose trials enroll the classes, see `find_enrollments`; None to skip.
    """
    found: dict[str, set[str]] = {label: set() for label in labels}
    if isinstance(mixed, TrialStream):
        for index in range(mixtures):
            for source in mixed.drawn(index).mixture.sources:
                if source.label in found:
                    found[source.label].add(f"{source.clip.corpus}/{source.clip.path}")
    if isinstance(enrolled, TrialStream):
        for index in range(ENROLLMENT_TRIALS):
            clue = enrolled.drawn(index).trials[0].clue
            if len(clue.classes) == 1 and clue.classes[0] in found:
                clips = [clip for clip in clue.enrollments if isinstance(clip, Clip)]
                found[clue.classes[0]].update(f"{clip.corpus}/{clip.path}" for clip in clips)
    return {label: tuple(sorted(paths)) for label, paths in found.items() if paths}
