"""Recordings that a set needs and that are not there: counted and named, or left out on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

from ..errors import AudioError, DatasetError
from .builder import Drawn
from .manifest import clips_of
from .types import EnrollmentClip, MixtureClip, Trial

FileKey = tuple[str, str]
"""Corpus and path of a recording."""

NAMED = 10
"""How many missing recordings a card names."""


class MissingRecordingsError(AudioError):
    """Recordings of one mixture are not there or cannot be read; a builder raises it in `draw`.

    Args:
        reasons: one line for each recording.
    """

    def __init__(self, reasons: Mapping[FileKey, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__(next(iter(self.reasons.values())))


def refusal(name: str, reasons: Mapping[FileKey, str], *, lost: int) -> DatasetError:
    """One line that counts and names what is missing.

    Args:
        name: of the dataset.
        reasons: why each recording cannot be used.
        lost: number of mixtures that need one of them.
    """
    counts = Counter(corpus for corpus, _ in reasons)
    told = " and ".join(f"{count} of corpus {corpus!r}" for corpus, count in sorted(counts.items()))
    first = min(reasons)
    return DatasetError(
        f"dataset {name!r}: recordings are missing or unreadable ({told}), the first is "
        f"{first[1]!r}: {reasons[first]}; complete the corpus, or leave out the mixtures that "
        f"need them ({lost}) with --allow-missing"
    )


def named(reasons: Iterable[FileKey]) -> tuple[str, ...]:
    """The first of some recordings, as `corpus:path`."""
    return tuple(f"{corpus}:{path}" for corpus, path in sorted(reasons)[:NAMED])


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
    excluded = {**item.excluded, "missing_enrollment": lost}
    return replace(item, trials=trials, excluded=excluded)
