"""Check of queries by absent speakers: whoever enrolls must not speak in the mixture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core.errors import AudioError, CorpusError
from ..dataset import Dataset
from ..manifest import FileKey
from ..protocols.corpus import entries_of
from ..types import EnrollmentClip, MixtureClip, Trial
from .finding import Finding, judged


def check_absent(dataset: Dataset) -> Iterator[Finding]:
    """Check the enrollments of trials without a target and without classes; no finding for a set that has none."""
    trials = [t for t in dataset.trials if not t.present and t.clue.enrollments and not t.clue.classes]
    if not trials:
        return
    labels = _labels(dataset)
    problems = [
        f"trial {trial.id!r} has no target, and enrolls {label!r}, who is in its mixture"
        for trial in trials
        for label in sorted(_enrolled(dataset, trial, labels) & _present(dataset, trial))
    ]
    yield judged("absent speakers", looked_at=len(trials), problems=problems)


def _present(dataset: Dataset, trial: Trial) -> set[str]:
    return {source.label for source in dataset.mixtures[trial.mixture_id].sources}


def _enrolled(dataset: Dataset, trial: Trial, labels: Mapping[FileKey, str]) -> set[str]:
    """Labels of the enrollments of a trial, as far as they are known."""
    found = (_label(dataset, clip, labels) for clip in trial.clue.enrollments)
    return {label for label in found if label}


def _label(dataset: Dataset, clip: EnrollmentClip, labels: Mapping[FileKey, str]) -> str:
    if isinstance(clip, MixtureClip):
        sources = dataset.mixtures[clip.mixture_id].sources
        return next(source.label for source in sources if source.id == clip.source_id)
    return labels.get((clip.corpus, clip.path), "")


def _labels(dataset: Dataset) -> Mapping[FileKey, str]:
    """Labels of recordings by the sources of the set's mixtures, and by the lists of its corpora."""
    known: dict[FileKey, str] = {}
    for name, corpus in dataset.corpora.items():
        try:
            known |= {(name, entry.path): entry.label for entry in entries_of(corpus)}
        except (AudioError, CorpusError):  # other checks say so
            continue
    for mixture in dataset.manifest.mixtures:
        known |= {(source.clip.corpus, source.clip.path): source.label for source in mixture.sources}
    return known
