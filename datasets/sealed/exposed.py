"""Clues that would give references away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ...core.errors import DatasetError
from ..dataset import Dataset
from ..manifest import FileKey
from ..types import Clip, EnrollmentClip, MixtureClip

Span = tuple[int, int]
"""First frame of a stretch of a recording, and the first after it."""


def check_exposed(dataset: Dataset) -> None:
    """Check that no clue holds what is to be sealed.

    An enrollment whose recording also sounds in a mixture is, there, the clean reference of a target or of an
    interferer: whoever compares the public files finds it.

    Raises:
        DatasetError: enrollments are stretches of recordings that sound in mixtures, or trials have videos.
    """
    name = dataset.card.name
    if not all(trial.target_ids or trial.recorded is None for trial in dataset.trials):
        raise DatasetError(f"dataset {name!r} has no references that could be sealed; it can be given away as it is")
    if filmed := [trial.id for trial in dataset.trials if trial.clue.video is not None]:
        raise DatasetError(
            f"dataset {name!r}: {len(filmed)} trials have videos, the first is {filmed[0]!r}; only sets whose clues "
            "are no pictures can be sealed"
        )
    if exposed := _exposed(dataset):
        raise DatasetError(
            f"dataset {name!r}: {len(exposed)} of {len(dataset)} trials enroll with a recording that also sounds in a "
            f"mixture of the set, the first is {exposed[0]!r}: its enrollment is a clean reference; leave these trials "
            "out with --leave-out-exposed, or draw enrollments from recordings that no mixture uses"
        )


def without_exposed(dataset: Dataset) -> Dataset:
    """The set without trials whose enrollment sounds in any of its mixtures.

    Raises:
        DatasetError: no trial is left.
    """
    exposed = {*_exposed(dataset)}
    return dataset.select([trial for trial in dataset.trials if trial.id not in exposed]) if exposed else dataset


def _exposed(dataset: Dataset) -> list[str]:
    """Ids of trials whose enrollment sounds in a mixture of the set."""
    used = _used(dataset)
    found = (trial_id for trial_id, clip in _enrollments(dataset) if _sounds(dataset, clip, used))
    return [*dict.fromkeys(found)]


def _enrollments(dataset: Dataset) -> Iterator[tuple[str, EnrollmentClip]]:
    return ((trial.id, clip) for trial in dataset.trials for clip in trial.clue.enrollments)


def _sounds(dataset: Dataset, clip: EnrollmentClip, used: Mapping[FileKey, Sequence[Span]]) -> bool:
    """Whether a stretch sounds in any mixture of the set."""
    if isinstance(clip, MixtureClip):
        source = next(s for s in dataset.mixtures[clip.mixture_id].sources if s.id == clip.source_id)
        if source.role != "auxiliary":
            return True
        clip = source.clip
    spans = used.get((clip.corpus, clip.path), ())
    return any(first < clip.start + clip.frames and clip.start < last for first, last in spans)


def _used(dataset: Dataset) -> dict[FileKey, list[Span]]:
    """Stretches of recordings that sound in mixtures."""
    found: dict[FileKey, list[Span]] = defaultdict(list)
    for mixture in dataset.mixtures.values():
        for source in mixture.sources:
            if source.role != "auxiliary":
                clip: Clip = source.clip
                found[clip.corpus, clip.path].append((clip.start, clip.start + clip.frames))
    return found
