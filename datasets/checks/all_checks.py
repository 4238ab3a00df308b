"""All checks of a dataset folder: counts, recordings, rendering, levels, leaks, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...core.progress import ProgressFactory, quiet
from ..dataset import Dataset
from .absent import check_absent
from .consistency import check_conditions, check_corpora, check_counts, check_files, check_recordings
from .finding import Finding
from .leaks import check_apart, check_leaks
from .rendering import check_rendering


def validate(
    dataset: Dataset,
    *,
    folder: Path | None = None,
    against: Sequence[Dataset] = (),
    jobs: int = 1,
    sample: int | None = None,
    progress: ProgressFactory = quiet,
) -> list[Finding]:
    """Run all checks.

    Args:
        folder: of the set; if it was materialised, its wav files are checked.
        against: sets that must have nothing in common with it, such as its training split.
        jobs: threads that hash and render; the findings do not depend on it.
        sample: hash and render at most this many recordings and mixtures, evenly spread; all if None.
    """
    return [
        check_counts(dataset),
        check_corpora(dataset),
        check_recordings(dataset, jobs=jobs, sample=sample, progress=progress),
        *(check_files(dataset, folder) if folder else ()),
        *check_rendering(dataset, jobs=jobs, sample=sample, progress=progress),
        check_leaks(dataset),
        check_conditions(dataset),
        *check_absent(dataset),
        *(check_apart(dataset, other) for other in against),
    ]
