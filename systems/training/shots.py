"""The known recordings of new classes, as the trials of a few-shot set enroll them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from torch import Tensor

from ...errors import DatasetError
from .data import TrialStream

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


def _digest(clip: Tensor) -> str:
    return hashlib.sha256(clip.numpy().tobytes()).hexdigest()
