"""From a mixture of sound classes to its trials: what is asked for, and with which clues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from ....core.errors import ConfigError, suggest
from ...protocols.builder import BuildContext, Drawn, Pool, enrollment_clips, stretch
from ...protocols.corpus import Recording
from ...queries import ClassQuery, Targets, draw_queries
from ...seeding import generator
from ...types import Clip, ClueSpec, Condition, Mixture, Source, Tag, Trial
from .audibility import Audibility
from .sound_scenes import Mixed

Clue = Literal["classes", "enrollment"]
Confusable = Mapping[str, tuple[str, ...]]
TargetTags = Callable[[tuple[str, ...]], Mapping[str, Tag]]

ANY = "*"
"""Key of `confusable` for what never counts as inactive, whatever a mixture holds."""


class Enrollments(Protocol):
    """Chooses the enrollment clips of a class."""

    def clips(self, mixture: Mixture, label: str, *, active: bool) -> tuple[Clip, ...]:
        """Clips of `label` that the mixture does not hold."""
        ...


class PoolEnrollments:
    """Clips of a pool, whose recordings and groups the mixture does not use.

    Args:
        context: identity of the set.
        pool: recordings.
        count: clips for each class.
        max_s: longest clip.
        audibility: leaves out recordings whose clip would be silent; None: all are taken.
    """

    def __init__(
        self,
        context: BuildContext,
        pool: Pool,
        *,
        count: int,
        max_s: float,
        audibility: Audibility | None = None,
    ) -> None:
        self._context, self._pool = context, pool
        self._count, self._max_s = count, max_s
        self._audibility = audibility

    def clips(self, mixture: Mixture, label: str, *, active: bool) -> tuple[Clip, ...]:
        """Clips of `label`; an inactive class draws from a fixed list, the same for every mixture.

        Raises:
            TooFewRecordingsError: the label has too few other recordings.
        """
        pool = self._pool
        if self._audibility is not None:
            pool = self._audibility.audible_pool(pool, label, self._clip)
        key = self._context.key(mixture.id if active else "inactive")
        return enrollment_clips(
            pool,
            label,
            used=[source.clip for source in mixture.sources],
            rng=generator(*key, "enrollment", label),
            count=self._count,
            max_s=self._max_s,
        )

    def _clip(self, recording: Recording) -> Clip:
        return stretch(self._pool, recording, seconds=self._max_s)


class Asker:
    """Draws the trials of mixtures.

    Args:
        context: identity of the set.
        conditions: which to ask for.
        targets: with n_active = 1, one target for each mixture or every one.
        clues: kinds of clue that each trial carries.
        inactive: classes that may be drawn as inactive.
        confusable: label -> classes that do not count as inactive beside it.
        enrollments: chooses the enrollment clips.
    """

    def __init__(
        self,
        *,
        context: BuildContext,
        conditions: Sequence[Condition],
        targets: Targets,
        clues: Sequence[Clue],
        inactive: Sequence[str],
        confusable: Confusable,
        enrollments: Enrollments | None,
    ) -> None:
        self._context = context
        self._conditions = tuple(conditions)
        self._targets, self._clues = targets, clues
        self._inactive, self._confusable = inactive, confusable
        self._enrollments = enrollments

    def ask(
        self,
        mixed: Mixed,
        *,
        candidates: Sequence[str] | None = None,
        in_order: bool = False,
        tags: TargetTags | None = None,
        present: Sequence[str] = (),
    ) -> Drawn:
        """All trials of one mixture.

        Args:
            mixed: the mixture.
            candidates: labels that can be a target; all foreground labels if None.
            in_order: take the first n_active candidates and not a draw of them.
            tags: gives further tags for the labels of a target.
            present: further labels that do not count as inactive here.
        """
        mixture = mixed.mixture
        events: dict[str, list[Source]] = {}
        for source in mixture.sources:
            if source.role == "foreground":
                events.setdefault(source.label, []).append(source)
        named = list(events) if candidates is None else [c for c in candidates if c in events]
        audible = [n for n in named if any(s.id in mixed.audible for s in events[n])]
        key = self._context.key(mixture.id)
        queries = self._queries(audible, self._present(mixture, present), key, in_order=in_order)
        # Systems see a trial's id: neither it nor the order may tell which condition this is.
        order = generator(*key, "order").permutation(len(queries))
        trials = tuple(
            self._trial(mixed, events, queries[int(place)], number, tags or _no_tags)
            for number, place in enumerate(order)
        )
        return Drawn(
            mixture=mixture,
            trials=trials,
            excluded=self._excluded(len(named), len(audible)),
            rendered=mixed.rendered,
        )

    def _excluded(self, named: int, audible: int) -> dict[str, int]:
        """Silent targets, and conditions that ask for more targets than the mixture holds."""
        many = sum(condition.n_active > named for condition in self._conditions)
        counts = {"silent_target": named - audible, "too_few_targets": many}
        return {reason: number for reason, number in counts.items() if number}

    def _queries(
        self, audible: Sequence[str], present: set[str], key: tuple[str | int, ...], *, in_order: bool
    ) -> list[ClassQuery]:
        groups = [[c] for c in self._conditions] if in_order else [self._conditions]
        return [
            query
            for group in groups
            for query in draw_queries(
                active=audible[: group[0].n_active] if in_order else audible,
                present=present,
                pool=self._inactive,
                conditions=group,
                targets=self._targets,
                key=key,
            )
        ]

    def _present(self, mixture: Mixture, others: Sequence[str]) -> set[str]:
        """Classes that do not count as inactive here: all of the mixture, and what goes with it."""
        present = {*(source.label for source in mixture.sources), *others}
        for label in sorted(present | {ANY}):
            present |= set(self._confusable.get(label, ()))
        return present

    def _trial(
        self,
        mixed: Mixed,
        events: Mapping[str, Sequence[Source]],
        query: ClassQuery,
        number: int,
        tags: TargetTags,
    ) -> Trial:
        mixture = mixed.mixture
        target_ids = tuple(source.id for label in query.active for source in events[label])
        scene = {"scene": mixture.tags["scene"]} if "scene" in mixture.tags else {}
        return Trial(
            id=f"{mixture.id}_q{number}",
            mixture_id=mixture.id,
            clue=self._clue(mixed.origin or mixture, query),
            target_ids=target_ids,
            condition=query.condition,
            cluster=mixture.id,
            tags={
                "target": "+".join(query.active) or "none",
                "n_classes": len(events),
                **mixed.level_tags(target_ids),
                **scene,
                **tags(query.active),
            },
        )

    def _clue(self, mixture: Mixture, query: ClassQuery) -> ClueSpec:
        clips: list[Clip] = []
        if self._enrollments is not None and "enrollment" in self._clues:
            for label in query.classes:
                clips += self._enrollments.clips(mixture, label, active=label in query.active)
        classes = query.classes if "classes" in self._clues else ()
        return ClueSpec(enrollments=tuple(clips), classes=classes)


def _no_tags(_labels: tuple[str, ...]) -> Mapping[str, Tag]:
    return {}


def check_labels(
    *, vocabulary: Sequence[str], scenes: Sequence[str], inactive: Sequence[str], confusable: Confusable
) -> None:
    """Are all named labels there?

    Raises:
        ConfigError: one is neither a class nor a label of the background.
    """
    known = {*vocabulary, *scenes}
    named = {*inactive, *confusable} - {ANY}
    named.update(label for labels in confusable.values() for label in labels)
    for label in sorted(named - known):
        raise ConfigError(f"no class {label!r} in this set{suggest(label, known)}")
