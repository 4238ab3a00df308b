"""Trials on mixtures of sound classes: targets, query conditions and clues."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from ....core.errors import ConfigError, suggest
from ...protocols.builder import BuildContext, Drawn, Pool, TooFewRecordingsError, enrollment_clips, stretch
from ...protocols.corpus import Recording
from ...queries import ClassQuery, ConditionItem, Targets, draw_queries, expand_conditions
from ...seeding import generator
from ...types import Clip, ClueSpec, Mixture, Source, Tag, Trial
from .audibility import Audibility
from .captions import CaptionOptions, Captions
from .options import Confusable
from .sound_scenes import SoundMixture

Clue = Literal["classes", "enrollment", "text"]
Clues = Annotated[
    tuple[Clue, ...],
    Field(
        min_length=1,
        description='what a query gives of its classes: their labels ("classes"), recordings of each ("enrollment"), '
        'a caption ("text"), or several of these',
    ),
]
CaptionChoice = Annotated[
    CaptionOptions | None,
    Field(description='wording of the captions, with "text" in `clues`; null: "the sound of" and the labels'),
]
TargetTags = Callable[[tuple[str, ...]], Mapping[str, Tag]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollee:
    """A queried class that needs enrollment clips.

    Attributes:
        mixture: the queried mixture.
        active: whether the class is in the mixture.
        turn: further seed of the draw; empty in sets whose queries name no inactive class.
    """

    mixture: Mixture
    label: str
    active: bool
    turn: tuple[str, ...] = ()

    def key(self, context: BuildContext) -> tuple[str | int, ...]:
        """Seed of the draw of its clips."""
        return (*context.key(self.mixture.id), "enrollment", self.label, *self.turn)

    def as_if_held(self, pool: Pool, context: BuildContext) -> Recording:
        """A recording of an inactive class, the same for all queries of the mixture, as an active class has one."""
        return pool.pick(self.label, generator(*context.key(self.mixture.id), "as if active", self.label))


Enroll = Callable[[Enrollee], tuple[Clip, ...]]
"""Chooses the enrollment clips of a queried class."""

ANY = "*"  # Key of `confusable` for classes that never count as inactive, whatever a mixture holds


class PoolEnrollments:
    """Clips of a pool, from recordings and groups that the mixture does not use.

    An active class cannot be enrolled by its own recording in the mixture. So that this does not tell active classes
    from inactive ones, a recording of an inactive class is drawn as if it were in the mixture, and left out likewise.

    `audibility` leaves out recordings whose clip of at most `max_s` would be silent.
    """

    def __init__(
        self, context: BuildContext, pool: Pool, *, count: int, max_s: float, audibility: Audibility | None
    ) -> None:
        self._context, self._pool, self._audibility = context, pool, audibility
        self._count, self._max_s = count, max_s

    def __call__(self, wanted: Enrollee) -> tuple[Clip, ...]:
        """Clips of a queried class."""
        pool, label = self._pool, wanted.label
        if self._audibility is not None:
            pool = self._audibility.audible_pool(pool, label, self._clip)
        used = [source.clip for source in wanted.mixture.sources]
        if wanted.active or not pool.by_label[label]:
            return self._clips(pool, wanted, used)
        held = self._clip(wanted.as_if_held(pool, self._context))
        try:
            return self._clips(pool, wanted, [*used, held])
        except TooFewRecordingsError:  # no mixture can hold this class, so there is no active draw to resemble
            return self._clips(pool, wanted, used)

    def _clips(self, pool: Pool, wanted: Enrollee, used: Sequence[Clip]) -> tuple[Clip, ...]:
        return enrollment_clips(
            pool,
            wanted.label,
            used=used,
            rng=generator(*wanted.key(self._context)),
            count=self._count,
            max_s=self._max_s,
        )

    def _clip(self, recording: Recording) -> Clip:
        return stretch(self._pool, recording, seconds=self._max_s)


class ClassTrials:
    """Draws the trials of mixtures of sound classes; a label must be a class or a scene."""

    def __init__(
        self,
        *,
        context: BuildContext,
        vocabulary: Sequence[str],
        scenes: Sequence[str] = (),  # labels of the backgrounds
        conditions: Sequence[ConditionItem],
        most_active: int,  # classes of a mixture that can be targets
        targets: Targets,  # with n_active = 1, one target for each mixture or every one
        clues: Sequence[Clue],
        inactive: Sequence[str] | None = None,  # classes that may be drawn as inactive; the vocabulary if None
        # label -> classes that do not count as inactive in a mixture that holds it.
        confusable: Confusable | None = None,
        enroll: Enroll | None,
        captions: CaptionOptions | None = None,
    ) -> None:
        self._context, self._targets, self._clues = context, targets, clues
        self._inactive, self._confusable = inactive or vocabulary, confusable or {}
        self._enroll = enroll
        known = {*vocabulary, *scenes}
        labels = {*self._inactive, *self._confusable}.union(*self._confusable.values()) - {ANY}
        for label in sorted(labels - known):
            raise ConfigError(f"no class {label!r} in this set{suggest(label, known)}")
        self._conditions = expand_conditions(conditions, most_active=most_active)
        if captions and "text" not in clues:
            raise ConfigError("captions are for queries by text; add text to clues, or leave captions out")
        self._captions = Captions(context, captions or CaptionOptions(), vocabulary) if "text" in clues else None

    def draw(
        self,
        mixed: SoundMixture,
        *,
        candidates: Sequence[str] | None = None,  # labels that can be a target; all foreground labels if None
        in_order: bool = False,  # take the first n_active candidates and not a draw of them
        tags: TargetTags = lambda _labels: {},  # gives further tags for the labels of a target
        present: Sequence[str] = (),  # further labels that do not count as inactive here
    ) -> Drawn:
        """All trials of one mixture."""
        mixture = mixed.mixture
        events: dict[str, list[Source]] = {}
        for source in mixture.sources:
            if source.role == "foreground":
                events.setdefault(source.label, []).append(source)
        named = list(events) if candidates is None else [c for c in candidates if c in events]
        audible = [n for n in named if any(s.id in mixed.audible for s in events[n])]
        queries = self._queries(audible, mixture, present, in_order=in_order)
        # Systems see a trial's id, so neither it nor the order may give the condition away.
        order = generator(*self._context.key(mixture.id), "order").permutation(len(queries))
        trials = []
        for number, place in enumerate(order):
            query = queries[int(place)]
            targets = tuple(source.id for label in query.active for source in events[label])
            scene = {"scene": mixture.tags["scene"]} if "scene" in mixture.tags else {}
            trial_id = f"{mixture.id}_q{number}"
            clue = self._clue(mixed.origin or mixture, query)
            trials.append(
                Trial(
                    id=trial_id,
                    mixture_id=mixture.id,
                    clue=self._captioned(clue, trial_id, mixture, query, events),
                    target_ids=targets,
                    condition=query.condition,
                    cluster=mixture.id,
                    tags={
                        "target": "+".join(query.active) or "none",
                        "n_classes": len(events),
                        **mixed.level_tags(targets),
                        **scene,
                        **tags(query.active),
                    },
                )
            )
        too_few = sum(condition.n_active > len(named) for condition in self._conditions)
        excluded = {"silent_target": len(named) - len(audible), "too_few_targets": too_few}
        return Drawn(mixture=mixture, trials=tuple(trials), excluded=excluded, rendered=mixed.rendered)

    def _queries(
        self, audible: Sequence[str], mixture: Mixture, others: Sequence[str], *, in_order: bool
    ) -> list[ClassQuery]:
        present = {*(source.label for source in mixture.sources), *others}
        for label in sorted(present | {ANY}):
            present |= set(self._confusable.get(label, ()))
        groups = [[c] for c in self._conditions] if in_order else [self._conditions]
        return [
            query
            for group in groups
            for query in draw_queries(
                active=audible[: group[0].n_active] if in_order and group[0].kind else audible,
                present=present,
                pool=self._inactive,
                conditions=group,
                targets=self._targets,
                key=self._context.key(mixture.id),
            )
        ]

    def _clue(self, mixture: Mixture, query: ClassQuery) -> ClueSpec:
        clips: list[Clip] = []
        if self._enroll is not None and "enrollment" in self._clues:
            turn = self._turn(query)
            for label in query.classes:
                clips += self._enroll(Enrollee(mixture=mixture, label=label, active=label in query.active, turn=turn))
        classes = query.classes if "classes" in self._clues else ()
        return ClueSpec(enrollments=tuple(clips), classes=classes)

    def _captioned(
        self, clue: ClueSpec, trial_id: str, mixture: Mixture, query: ClassQuery, present: Collection[str]
    ) -> ClueSpec:
        """The clue with its texts; a query for everything has none."""
        if self._captions is None or not query.classes:
            return clue
        caption = self._captions.of(trial_id, mixture.id, named=query.classes, present=present)
        return replace(clue, text=caption.text, negative_text=caption.negative_text)

    def _turn(self, query: ClassQuery) -> tuple[str, ...]:
        """Seed of a query, so that the number of queries that a clip enrolls in does not tell its class's kind.

        Without inactive classes in any query there is nothing to tell, and all queries of a mixture share the clips.
        """
        if not any(condition.n_inactive for condition in self._conditions):
            return ()
        return (str(query.condition), *query.active)
