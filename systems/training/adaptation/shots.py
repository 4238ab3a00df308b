"""The known recordings of new classes, as the trials of a few-shot set enroll them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from torch import Tensor

from ....core.errors import DatasetError
from ....datasets.dynamic import TrialStream as RecipeStream
from ....datasets.types import Clip
from ..data import TrialStream

ENROLLMENT_TRIALS = 100
"""Trials that are looked through."""


def find_enrollments(stream: TrialStream, labels: Sequence[str]) -> dict[str, tuple[Tensor, ...]]:
    """The different recordings that a stream's first trials enroll classes with.

    Args:
        stream: trials that ask for one class.
        labels: the classes.

    Returns:
        Recordings [T_k] of each class, in the order of their SHA-256.

    Raises:
        DatasetError: a class is never enrolled.
    """
    found: dict[str, dict[str, Tensor]] = {label: {} for label in labels}
    for index in range(min(ENROLLMENT_TRIALS, len(stream))):
        clues = stream[index][0].clues
        if len(clues.classes) == 1 and clues.classes[0] in found:
            for clip in clues.enrollments:
                found[clues.classes[0]][_digest(clip)] = clip
    missing = next((label for label, clips in found.items() if not clips), None)
    if missing is not None:
        raise DatasetError(
            f"no enrollment of new class {missing!r} in {ENROLLMENT_TRIALS} trials; set "
            "enroll_from to a dataset that enrolls it (the test part of the same few-shot set), "
            "or init: rnd"
        )
    return {label: tuple(clips[key] for key in sorted(clips)) for label, clips in found.items()}


def known_clips(
    mixed: TrialStream, enrolled: TrialStream | None, labels: Sequence[str], *, mixtures: int
) -> dict[str, tuple[str, ...]]:
    """The recordings of some classes that are adapted with, as CORPUS/PATH, sorted.

    Args:
        mixed: its first mixtures are adapted with; tells nothing if it is no recipe.
        enrolled: its trials enroll the classes, see `find_enrollments`; what it mixes is not heard.
        labels: the classes.
        mixtures: of `mixed`.

    Returns:
        Recordings of each class that has any.
    """
    found: dict[str, set[str]] = {label: set() for label in labels}
    if isinstance(mixed, RecipeStream):
        for index in range(mixtures):
            for source in mixed.drawn(index).mixture.sources:
                if source.label in found:
                    found[source.label].add(f"{source.clip.corpus}/{source.clip.path}")
    if isinstance(enrolled, RecipeStream):
        for index in range(ENROLLMENT_TRIALS):
            clue = enrolled.drawn(index).trials[0].clue
            if len(clue.classes) == 1 and clue.classes[0] in found:
                clips = [clip for clip in clue.enrollments if isinstance(clip, Clip)]
                found[clue.classes[0]].update(f"{clip.corpus}/{clip.path}" for clip in clips)
    return {label: tuple(sorted(paths)) for label, paths in found.items() if paths}


def _digest(clip: Tensor) -> str:
    return hashlib.sha256(clip.numpy().tobytes()).hexdigest()
