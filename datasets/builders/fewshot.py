"""Few-shot mixtures: classes that a system was trained on, and new ones with K known clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from ...core.errors import ConfigError
from ..protocols.builder import BUILDERS, BuildContext, Count, Drawn, Selection, open_pool, stretch
from ..queries import ConditionList, Targets
from ..seeding import generator
from ..types import Clip, Tag
from .shared.audibility import Audibility
from .shared.class_trials import CaptionChoice, ClassTrials, Clue, Clues, Enrollee, PoolEnrollments
from .shared.options import Confusable, EnrollmentSeconds, MixtureCount, MixtureRate, MixtureSeconds, Quantise
from .shared.shots import choose_shots, without_groups
from .shared.sound_scenes import (
    Background,
    BackgroundLevel,
    EventLevels,
    EventSeconds,
    FadeMs,
    RendererName,
    SceneOptions,
    ScenePeak,
    SceneScale,
    SoundScenes,
)

FewShotPart = Literal["test", "adaptation"]
Known = Literal["seen", "new", "all"]


@BUILDERS.register("fewshot")
class FewShot:
    """Mixtures of seen and new classes, as in the few-shot experiments of SoundBeam.

    Of each new class the first `reserved` clips of a fixed order are excluded from the test mixtures, with all clips of
    their groups (uploaders), of seen classes too if they are of the same corpus; the first `shots` of them are the
    enrollments. In the part "adaptation" the new class is one of these clips itself, and any enrollment is another.
    Sets of one `family`, version and seed have the same test mixtures and nested shots, whatever their name and `shots`
    are.

    Args:
        seen: recordings of the classes that a system was trained on; their labels are the seen classes.
        new: recordings of the new classes; their labels are the new classes.
        part: "test", or "adaptation" for mixtures that hold the known clips, to adapt a system with.
        shots: K, known clips of each new class; they enroll it, and a seen class has as many.
        reserved: clips of each new class that no test mixture may hold, the largest K of a family of sets.
        shots_split: split that the known clips are taken from; null: that of `new`.
        family: sets of one family, version and seed have the same test mixtures and nested shots, see above; null: the
            set's name.
        n_seen: seen classes in each mixture, one event each.
        n_new: new classes in each mixture, one event each.
        targets: with n_active = 1, "one" target for each mixture at random, or "all" classes that `ask` allows, each a
            trial.
        ask: classes that can be targets: "seen", "new" or "all".
        inactive: classes that a query may name although the mixture does not hold them: "seen", "new" or "all". Those
            that are not in `ask` are absent whenever a query names them, which a system can know: the shipped sets draw
            from what they ask for.
    """

    def __init__(
        self,
        *,
        context: BuildContext,
        seen: Selection,
        new: Selection,
        part: FewShotPart = "test",
        shots: Count = 5,
        reserved: Count = 10,
        shots_split: str | None = None,
        family: str | None = None,
        background: Background | None = None,
        count: MixtureCount,
        sample_rate_hz: MixtureRate = 8000,
        duration_s: MixtureSeconds = 6.0,
        n_seen: Count = 2,
        n_new: Count = 1,
        event_s: EventSeconds = (2.0, 5.0),
        snr_db: EventLevels = (15.0, 25.0),
        background_db: BackgroundLevel = -50.0,
        level: SceneScale = "lufs",
        peak: ScenePeak | None = 1.0,
        fade_ms: FadeMs = 10.0,
        conditions: ConditionList = ("1:0",),
        targets: Targets = "one",
        ask: Known = "new",
        inactive: Known = "all",
        clues: Clues = ("enrollment",),
        captions: CaptionChoice = None,
        enrollment_s: EnrollmentSeconds = 5.0,
        confusable: Confusable | None = None,
        quantise: Quantise = "none",
        renderer: RendererName = "scaper",
    ) -> None:
        self.count, self.sample_rate_hz = count, sample_rate_hz
        self._context = replace(context, name=family or context.name)
        self._counts, self._ask, self._k = (n_seen, n_new), ask, shots
        options = SceneOptions(
            sample_rate_hz=sample_rate_hz,
            duration_s=duration_s,
            event_s=event_s,
            snr_db=snr_db,
            background_db=background_db,
            level=level,
            peak=peak,
            fade_ms=fade_ms,
            quantise=quantise,
            renderer=renderer,
        )
        self._scenes = SoundScenes(self._context, options, background)
        audibility = self._scenes.levels.audibility or Audibility(
            context.corpora, sample_rate_hz=sample_rate_hz, fade_s=fade_ms * 1e-3
        )
        self._seen = open_pool(seen, context)
        self._new = open_pool(new, context)
        self._check(shots, reserved, part, clues)
        self._shots = choose_shots(
            open_pool(new.model_copy(update={"split": shots_split or new.split}), context),
            self._new,
            key=(self._context.name, context.version, context.seed),
            shots=shots,
            reserved=reserved,
            max_s=enrollment_s,
            audibility=audibility,
        )
        if self._seen.corpus == self._new.corpus:
            self._seen = without_groups(self._seen, self._shots.groups)
        self._mixed_new = self._shots.known if part == "adaptation" else self._shots.others
        self.vocabulary = tuple(sorted({*self._seen.labels, *self._new.labels}))
        self._enroll_seen = PoolEnrollments(
            self._context,
            self._seen,
            count=shots if part == "test" else max(1, shots - 1),
            max_s=enrollment_s,
            audibility=audibility,
        )
        self._trials = ClassTrials(
            context=self._context,
            vocabulary=self.vocabulary,
            scenes=self._scenes.background_labels,
            conditions=conditions,
            most_active={"seen": n_seen, "new": n_new, "all": n_seen + n_new}[ask],
            targets=targets,
            clues=clues,
            captions=captions,
            inactive=self._labels(inactive),
            confusable=confusable,
            enroll=self._enroll,
        )

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`."""
        mixture_id = self._context.mixture_id(index)
        rng = generator(*self._context.key(mixture_id))
        sources = self._scenes.backgrounds(rng)
        for pool, count in zip((self._seen, self._mixed_new), self._counts, strict=True):
            for label in rng.choice(pool.labels, size=count, replace=False):
                name = f"s{sum(source.role == 'foreground' for source in sources) + 1}"
                sources.append(self._scenes.event(name, pool, str(label), rng))
        mixed = self._scenes.mix(mixture_id, sources)
        return self._trials.draw(mixed, candidates=self._labels(self._ask), tags=self._tags)

    def _enroll(self, wanted: Enrollee) -> tuple[Clip, ...]:
        """The known clips of a new class, and clips of the pool for a seen one."""
        if wanted.label not in self._shots.known.by_label:
            return self._enroll_seen(wanted)
        if wanted.active or self._mixed_new is not self._shots.known:
            return self._shots.clips(wanted)
        # Mixtures hold the known clips, one of which an active class lacks.
        recording = wanted.as_if_held(self._shots.known, self._context)
        return self._shots.clips(wanted, held=stretch(self._shots.known, recording, seconds=self._shots.max_s))

    def _labels(self, known: Known) -> tuple[str, ...]:
        seen = () if known == "new" else self._seen.labels
        new = () if known == "seen" else self._new.labels
        return tuple(sorted((*seen, *new)))

    def _tags(self, labels: tuple[str, ...]) -> Mapping[str, Tag]:
        kinds = {"new" if label in self._new.by_label else "seen" for label in labels}
        return {"target_class": "+".join(sorted(kinds)) or "none", "shots": self._k}

    def _check(self, shots: int, reserved: int, part: FewShotPart, clues: Sequence[Clue]) -> None:
        both = sorted(set(self._seen.labels) & set(self._new.labels))
        if both:
            raise ConfigError(f"class {both[0]!r} is both seen and new; exclude it from one")
        for name, pool, count in (("n_seen", self._seen, self._counts[0]), ("n_new", self._new, self._counts[1])):
            if count > len(pool.labels):
                raise ConfigError(f"{name} = {count}, but there are {len(pool.labels)} such classes")
        if shots > reserved:
            raise ConfigError(f"shots = {shots} is above reserved = {reserved}; raise reserved")
        if part == "adaptation" and shots == 1 and "enrollment" in clues:
            raise ConfigError("adaptation with shots = 1 has no other clip to enroll with; set clues: [classes]")
