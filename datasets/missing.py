"""Recordings that a set needs and that are not there: counted and named, or left out on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Protocol, runtime_checkable

from ..core.errors import AudioError, CorpusError, DatasetError
from .manifest import DatasetCard, clips_of
from .protocols.builder import Drawn
from .protocols.corpus import Corpora
from .types import EnrollmentClip, MixtureClip, Trial

FileKey = tuple[str, str]
"""Corpus and path of a recording."""

MISSING_ENROLLMENT = "missing_enrollment"
"""Reason by which `excluded` counts trials whose enrollment is missing."""

MISSING = "missing_recordings"
"""What a card calls the number of recordings that are missing."""

LOST = "excluded_mixtures_missing_recording"
"""What a card calls the number of mixtures that are left out for them."""

NAMED = 10
"""How many missing recordings a card names."""


class MissingRecordingsError(AudioError):
    """Recordings of one mixture are not there or cannot be read.

    A builder raises it in `draw`, or a corpus that it reads from does.

    Args:
        reasons: one line for each recording.
    """

    def __init__(self, reasons: Mapping[FileKey, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__(next(iter(self.reasons.values())))

    def __reduce__(self) -> tuple[type[MissingRecordingsError], tuple[Mapping[FileKey, str]]]:
        """Worker processes send it home."""
        return type(self), (self.reasons,)


class IncompleteCorpusError(CorpusError):
    """A corpus lacks files of a split that is asked for.

    Args:
        message: one line.
        missing: how many.
    """

    def __init__(self, message: str, missing: int = 0) -> None:
        self.missing = missing
        super().__init__(message)


@runtime_checkable
class Incomplete(Protocol):
    """A corpus that leaves out files which it lists and which are not there."""

    def absent(self) -> tuple[str, ...]:
        """Their paths, sorted."""
        ...


@runtime_checkable
class Countable(Protocol):
    """A corpus that knows how many files its release has."""

    def shortfalls(self) -> tuple[str, ...]:
        """Parts that recordings were taken from so far and that hold fewer files; one line each."""
        ...


def shortfalls_of(corpora: Corpora) -> tuple[str, ...]:
    """What may be missing of corpora that list their own folders, one line each."""
    countable = (corpus for corpus in corpora.values() if isinstance(corpus, Countable))
    return tuple(line for corpus in countable for line in corpus.shortfalls())


def absent_from(corpora: Corpora) -> dict[FileKey, str]:
    """What corpora have left out, and why."""
    return {
        (name, path): f"recording {path!r} of corpus {name!r} is not there or cannot be read"
        for name, corpus in corpora.items()
        if isinstance(corpus, Incomplete)
        for path in corpus.absent()
    }


def refusal(name: str, reasons: Mapping[FileKey, str], *, mixtures: int, trials: int) -> DatasetError:
    """One line that counts and names what is missing.

    Args:
        name: of the dataset.
        reasons: why each recording cannot be used.
        mixtures: how many need one of them.
        trials: how many of other mixtures enroll with one of them.
    """
    first = min(reasons)
    why = reasons[first].partition("; ")[0]  # what follows is advice, and given below for all
    enrolled = f" and the trials that enroll with them ({trials})" if trials else ""
    return DatasetError(
        f"dataset {name!r}: recordings are missing or unreadable ({counted(reasons)}), the first "
        f"is {first[1]!r}: {why}; complete the corpus, or leave out the mixtures that need them "
        f"({mixtures}){enrolled} with --allow-missing"
    )


def counted(reasons: Iterable[FileKey]) -> str:
    """How many recordings of which corpora, for example "3 of corpus 'a' and 1 of corpus 'b'"."""
    counts = Counter(corpus for corpus, _ in reasons)
    return " and ".join(f"{count} of corpus {corpus!r}" for corpus, count in sorted(counts.items()))


def named(reasons: Iterable[FileKey]) -> tuple[str, ...]:
    """The first of some recordings, as `corpus:path`."""
    return tuple(f"{corpus}:{path}" for corpus, path in sorted(reasons)[:NAMED])


def told(card: DatasetCard, *, first: bool = True) -> str:
    """In words what a set lacks, if wanted with the first recording; "" if it is whole."""
    missing = card.counts.get(MISSING, 0)
    if not missing:
        return ""
    named = f" (the first is {card.missing[0]!r})" if first and card.missing else ""
    parts = [
        f"recordings missing: {missing}{named}",
        f"mixtures left out for them: {card.counts.get(LOST, 0)}",
    ]
    trials = card.counts.get(f"excluded_{MISSING_ENROLLMENT}", 0)
    if trials:
        parts.append(f"trials left out for their enrollments: {trials}")
    if not (trials or card.counts.get(LOST, 0)):
        parts.append("since mixtures are drawn from what there is")
    return ", ".join(parts)


def leave_out(drawn: Sequence[Drawn], missing: Set[FileKey]) -> list[Drawn]:
    """What is left without the mixtures and the enrollments that need a missing recording.

    `excluded` counts the queries that a mixture loses with its enrollments.
    """
    kept = [item for item in drawn if not _needs(item, missing)]
    there = {item.mixture.id for item in kept}
    return [_with_enrollments(item, missing, there) for item in kept]


def _needs(item: Drawn, missing: Set[FileKey]) -> bool:
    return any((clip.corpus, clip.path) in missing for clip in clips_of([item.mixture], []))


def _with_enrollments(item: Drawn, missing: Set[FileKey], there: Set[str]) -> Drawn:
    def has(clip: EnrollmentClip) -> bool:
        return not isinstance(clip, MixtureClip) or clip.mixture_id in there

    def whole(trial: Trial) -> bool:
        clips = clips_of([], [trial])
        return all(map(has, trial.clue.enrollments)) and not any(
            (clip.corpus, clip.path) in missing for clip in clips
        )

    trials = tuple(trial for trial in item.trials if whole(trial))
    lost = len(item.trials) - len(trials)
    if not lost:
        return item
    excluded = {**item.excluded, MISSING_ENROLLMENT: lost}
    return replace(item, trials=trials, excluded=excluded)
