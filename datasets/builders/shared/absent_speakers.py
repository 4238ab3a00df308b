"""Queries by a voice that the mixture does not hold (FUQ), enrolled as the voices in it are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from ....core.errors import DatasetError
from ...protocols.builder import BuildContext
from ...seeding import digest, generator
from ...types import ClueSpec, Condition, EnrollmentClip, Mixture, Tag, Trial

Place = TypeVar("Place")

Enroll = Callable[[Mixture, Place, int], tuple[EnrollmentClip, ...]]
"""Enrollments of a speaker for a mixture as if it held that place, on the n-th pass through a list; () for none."""

_ABSENT = Condition(n_active=0, n_inactive=1)


class AbsentSpeakers(Generic[Place]):
    """Trials whose target is absent.

    Speakers of a mixture are enrolled by utterances that it does not hold. So that this does not tell them from others,
    an absent speaker takes a place in which the speaker can be a target, and is enrolled as if that were in the
    mixture. Speakers are ranked by SHA-256, so that n queries are the first n of more, and no choice depends on which
    other speakers exist.

    Args:
        places: by speaker, what can be a target: a recording, or a source of another mixture.
        enroll: enrollments for a place.
        count: queries of each mixture, 0 for none.
    """

    def __init__(
        self, places: Mapping[str, Sequence[Place]], enroll: Enroll[Place], *, context: BuildContext, count: int
    ) -> None:
        self._places, self._enroll = places, enroll
        self._context, self._count = context, count

    def join(
        self, mixture: Mixture, trials: Iterable[Trial], *, turn: int = 0, tags: Mapping[str, Tag] | None = None
    ) -> tuple[Trial, ...]:
        """Trials on speakers of a mixture with those on absent ones, named by numbers in a random order.

        Systems see the id of a trial, so neither it nor the order may tell who is there. With a count of 0 the trials
        stay as they are.

        Args:
            turn: number of the pass through a list of mixtures.
            tags: further tags of the trials on absent speakers.

        Raises:
            DatasetError: too few speakers are not in the mixture.
        """
        if self._count == 0:
            return tuple(trials)
        key = (*self._context.key(mixture.id), "absent", *((turn,) if turn else ()))
        every = [*trials, *self._absent(mixture, {**(tags or {}), **mixture.tags}, key, turn)]
        order = generator(*key, "order").permutation(len(every))
        return tuple(replace(every[int(place)], id=f"{mixture.id}_q{number}") for number, place in enumerate(order))

    def _absent(self, mixture: Mixture, tags: Mapping[str, Tag], key: tuple[str | int, ...], turn: int) -> list[Trial]:
        there = {source.label for source in mixture.sources}
        found: list[Trial] = []
        for speaker in ranked(self._places.keys() - there, key):
            if len(found) == self._count:
                break
            if clips := self._enrollments(mixture, speaker, key, turn):
                found.append(_trial(mixture, clips, tags))
        if len(found) < self._count:
            raise DatasetError(
                f"absent_speakers = {self._count}, but only {len(found)} speakers with an enrollment are not in "
                f"mixture {mixture.id!r}; lower it"
            )
        return found

    def _enrollments(
        self, mixture: Mixture, speaker: str, key: tuple[str | int, ...], turn: int
    ) -> tuple[EnrollmentClip, ...]:
        places = self._places[speaker]
        start = int(generator(*key, speaker).integers(len(places))) if places else 0
        for place in (*places[start:], *places[:start]):
            if clips := self._enroll(mixture, place, turn):
                return clips
        return ()


def ranked(names: Collection[str], key: Sequence[str | int]) -> list[str]:
    """Names in a random order; which of two names comes first does not depend on the others."""
    seed = digest(*key)
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())


def _trial(mixture: Mixture, clips: tuple[EnrollmentClip, ...], tags: Mapping[str, Tag]) -> Trial:
    return Trial(
        id=mixture.id,
        mixture_id=mixture.id,
        clue=ClueSpec(enrollments=clips),
        target_ids=(),
        condition=_ABSENT,
        cluster=mixture.id,
        tags={"target": "none", **tags},
    )
