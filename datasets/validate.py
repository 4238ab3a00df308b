"""Checks of a dataset folder: files, hashes, levels, leaks between clue and mixture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import AudioError, CorpusError
from ..progress import ProgressFactory, quiet
from .dataset import Dataset
from .mixing import SILENT_DB, power_db
from .types import Clip, EnrollmentClip, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: its name, whether it holds, how much was looked at, and the first problem."""

    check: str
    ok: bool
    looked_at: int
    detail: str


def validate(dataset: Dataset, *, progress: ProgressFactory = quiet) -> list[Finding]:
    """Run all checks; each one looks at everything and names its first problem."""
    return [
        _finding("recordings", _recordings(dataset), len(dataset.manifest.files)),
        _finding("rendering", _rendering(dataset, progress), len(dataset.mixtures)),
        _finding("enrollment leak", _leaks(dataset), len(dataset.trials)),
        _finding("query conditions", _conditions(dataset), len(dataset.trials)),
    ]


def _finding(check: str, problems: Iterator[str], looked_at: int) -> Finding:
    found = list(problems)
    detail = f"{found[0]} ({len(found)} in all)" if found else ""
    return Finding(check=check, ok=not found, looked_at=looked_at, detail=detail)


def _recordings(dataset: Dataset) -> Iterator[str]:
    """Every recording is there and has the content that the manifest was made from."""
    for file in dataset.manifest.files:
        try:
            digest = dataset.corpora[file.corpus].digest(file.path)
        except (AudioError, CorpusError, OSError) as error:
            yield str(error)
            continue
        if digest != file.sha256:
            yield f"recording {file.path!r} of corpus {file.corpus!r} has other content"


def _rendering(dataset: Dataset, progress: ProgressFactory) -> Iterator[str]:
    """Every mixture and the enrollments of its first trial render, and have a sane level."""
    first = {trial.mixture_id: index for index, trial in reversed(list(enumerate(dataset.trials)))}
    with progress(f"validate {dataset.card.name}", len(first)) as advance:
        for mixture_id, index in first.items():
            yield from _rendering_problems(dataset, mixture_id, index)
            advance(1)


def _rendering_problems(dataset: Dataset, mixture_id: str, index: int) -> Iterator[str]:
    try:
        query, _ = dataset[index]
    except (AudioError, CorpusError) as error:
        yield f"mixture {mixture_id!r}: {error}"
        return
    peak = float(np.abs(query.mixture.numpy()).max())
    if not 0.0 < peak <= 1.0:
        yield f"mixture {mixture_id!r} has peak {peak:.3g}; it must lie in (0, 1]"
    for enrollment in query.clues.enrollments:
        if power_db(enrollment.numpy()) <= SILENT_DB:
            yield f"trial {query.id!r} has a silent enrollment"


def _leaks(dataset: Dataset) -> Iterator[str]:
    """No enrollment is a recording of the mixture that it is used with."""
    for trial in dataset.trials:
        mixture = dataset.mixtures[trial.mixture_id]
        used = {
            (source.clip.corpus, source.clip.path)
            for source in mixture.sources
            if source.role != "auxiliary"
        }
        for enrolled in trial.clue.enrollments:
            clip = _clip(dataset, enrolled)
            if (clip.corpus, clip.path) in used:
                yield f"trial {trial.id!r}: enrollment {clip.path!r} is in its own mixture"


def _clip(dataset: Dataset, enrolled: EnrollmentClip) -> Clip:
    """The recording that an enrollment is of."""
    if isinstance(enrolled, Clip):
        return enrolled
    sources = dataset.mixtures[enrolled.mixture_id].sources
    return next(source.clip for source in sources if source.id == enrolled.source_id)


def _conditions(dataset: Dataset) -> Iterator[str]:
    """Queried classes agree with the condition and with what is in the mixture."""
    for trial in dataset.trials:
        if trial.clue.classes and not _condition_holds(dataset, trial):
            yield (
                f"trial {trial.id!r}: condition {trial.condition} does not fit its classes "
                f"{list(trial.clue.classes)}"
            )


def _condition_holds(dataset: Dataset, trial: Trial) -> bool:
    mixture = dataset.mixtures[trial.mixture_id]
    present = {source.label for source in mixture.sources}
    wanted = {source.label for source in mixture.sources if source.id in trial.target_ids}
    active = present & set(trial.clue.classes)
    inactive = set(trial.clue.classes) - present
    return (
        active == wanted
        and len(active) == trial.condition.n_active
        and len(inactive) == trial.condition.n_inactive
    )
