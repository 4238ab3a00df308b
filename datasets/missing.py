"""Recordings that a set needs and a corpus lacks: counted and named, or left out on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Protocol, runtime_checkable

from ..core.errors import AudioError, CorpusError, DatasetError
from .manifest import DatasetCard, FileKey, files_of
from .protocols.builder import Drawn
from .protocols.corpus import Corpora
from .types import MixtureClip, Trial

MISSING_ENROLLMENT = "missing_enrollment"
"""Key of `Drawn.excluded` for trials whose enrollment is missing."""

MISSING = "missing_recordings"
"""Key of a card's `counts` for missing recordings."""

LOST = "excluded_mixtures_missing_recording"
"""Key of a card's `counts` for mixtures that are left out since a recording is missing."""

SHORT = "excluded_mixtures_too_few_recordings"
"""Key of a card's `counts` for mixtures that are left out since too few other recordings of a label are left."""

NAMED = 10
"""Number of missing recordings that a card names."""


class MissingRecordingsError(AudioError):
    """Recordings of one mixture are missing or unreadable; `reasons` has one line for each."""

    def __init__(self, reasons: Mapping[FileKey, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__(next(iter(self.reasons.values())))

    def __reduce__(self) -> tuple[type[MissingRecordingsError], tuple[Mapping[FileKey, str]]]:
        """Pickles, so that worker processes can raise it."""
        return type(self), (self.reasons,)


class IncompleteCorpusError(CorpusError):
    """A corpus lacks `missing` files of a split that is used."""

    def __init__(self, message: str, missing: int = 0) -> None:
        self.missing = missing
        super().__init__(message)


@runtime_checkable
class Incomplete(Protocol):
    """A corpus that leaves out files which it lists and cannot read."""

    def absent(self) -> tuple[str, ...]:
        """Their paths, sorted."""


@runtime_checkable
class Countable(Protocol):
    """A corpus with a known number of files in its release."""

    def shortfalls(self) -> tuple[str, ...]:
        """One line for each part that recordings were taken from and that holds fewer files."""


def shortfalls_of(corpora: Corpora) -> tuple[str, ...]:
    """All shortfalls of corpora, one line each."""
    countable = (corpus for corpus in corpora.values() if isinstance(corpus, Countable))
    return tuple(line for corpus in countable for line in corpus.shortfalls())


def absent_from(corpora: Corpora) -> dict[FileKey, str]:
    """Recordings that corpora have left out, and why."""
    return {
        (name, path): f"recording {path!r} of corpus {name!r} is missing or cannot be read"
        for name, corpus in corpora.items()
        if isinstance(corpus, Incomplete)
        for path in corpus.absent()
    }


def refusal(
    name: str, reasons: Mapping[FileKey, str], *, mixtures: int, trials: int, short: int, complete: int
) -> DatasetError:
    """The error of a build without all its recordings, in one line that counts them and names the first.

    `mixtures` need one of them, `trials` on other mixtures enroll with one of them, and `short` mixtures, complete
    themselves, have too few recordings to enroll with; `complete` mixtures are left.
    """
    first = min(reasons)
    why = reasons[first].partition("; ")[0]  # what follows is advice, and given below for all
    parts = [f"the mixtures that need them ({mixtures})"] if mixtures or not (trials or short) else []
    parts += [f"the trials that enroll with them ({trials})"] if trials else []
    parts += [f"the mixtures with too few other recordings to enroll with ({short})"] if short else []
    without = " and ".join(parts)
    advice = f"or leave out {without} with --allow-missing" if complete else f"since none is left besides {without}"
    return DatasetError(
        f"dataset {name!r}: recordings are missing or unreadable ({count_by_corpus(reasons)}), the first "
        f"is {first[1]!r}: {why}; complete the corpus, {advice}"
    )


def count_by_corpus(files: Iterable[FileKey]) -> str:
    """Counts in words, for example "3 of corpus 'a' and 1 of corpus 'b'"."""
    counts = Counter(corpus for corpus, _ in files)
    return " and ".join(f"{count} of corpus {corpus!r}" for corpus, count in sorted(counts.items()))


def missing_summary(card: DatasetCard, *, first: bool = True) -> str:
    """Missing recordings of a set in one phrase, optionally with the first; "" for a complete set."""
    missing = card.counts.get(MISSING, 0)
    if not missing:
        return ""
    named = f" (the first is {card.missing[0]!r})" if first and card.missing else ""
    lost, trials = card.counts.get(LOST, 0), card.counts.get(f"excluded_{MISSING_ENROLLMENT}", 0)
    short = card.counts.get(SHORT, 0)
    parts = [f"recordings missing: {missing}{named}", f"mixtures left out for them: {lost}"]
    if short:
        parts.append(f"mixtures left out since too few recordings are left to enroll with: {short}")
    if trials:
        parts.append(f"trials left out for their enrollments: {trials}")
    if not (trials or lost or short):
        parts.append("since mixtures are drawn from what there is")
    return ", ".join(parts)


def leave_out(drawn: Sequence[Drawn], missing: Set[FileKey]) -> list[Drawn]:
    """Mixtures and trials that need no missing recording; `excluded` counts the trials lost with their enrollments."""
    complete = [item for item in drawn if missing.isdisjoint(files_of([item.mixture], []))]
    ids = {item.mixture.id for item in complete}

    def can_enroll(trial: Trial) -> bool:
        sources = (clip for clip in trial.clue.enrollments if isinstance(clip, MixtureClip))
        return all(clip.mixture_id in ids for clip in sources) and missing.isdisjoint(files_of([], [trial]))

    def with_enrollments(item: Drawn) -> Drawn:
        trials = tuple(filter(can_enroll, item.trials))
        lost = len(item.trials) - len(trials)
        return replace(item, trials=trials, excluded={**item.excluded, MISSING_ENROLLMENT: lost})

    return [with_enrollments(item) for item in complete]
