"""Few-shot mixtures: classes that a system was trained on, and new ones with K known clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from ...core.errors import ConfigError
from ..protocols.builder import BUILDERS, BuildContext, Count, Drawn, Selection, open_pool, stretch
from ..queries import ConditionList, Targets
from ..seeding import generator
from ..signals.mixing import LevelScale
from ..types import Clip, Tag
from .shared.audibility import Audibility
from .shared.class_trials import ClassTrials, Clue, Clues, Enrollee, PoolEnrollments
from .shared.options import Level, LevelSpan, NotNegative, Peak, Quantise, Seconds, SecondsSpan
from .shared.shots import choose_shots, without_groups
from .shared.sound_scenes import RendererName, SceneOptions, SoundScenes

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
    """

    def __init__(
        self,
        *,
        context: BuildContext,
        seen: Selection,
        new: Selection,  # recordings of the new classes; its labels are the list of new classes
        part: FewShotPart = "test",  # "test", or "adaptation" for mixtures to adapt a system with
        shots: Count = 5,  # K, the known clips of each new class
        reserved: Count = 10,  # clips of each new class that no test mixture may hold; the largest K
        shots_split: str | None = None,  # split that the shots are taken from; that of `new` if None
        family: str | None = None,  # see above; the set's own name if None
        background: Selection | None = None,
        count: Count,
        sample_rate_hz: Count = 8000,
        duration_s: Seconds = 6.0,
        n_seen: Count = 2,
        n_new: Count = 1,
        event_s: SecondsSpan = (2.0, 5.0),  # shortest and longest event; a shorter recording is used whole
        snr_db: LevelSpan = (15.0, 25.0),  # lowest and highest level of an event above the background
        background_db: Level = -50.0,
        level: LevelScale = "lufs",
        peak: Peak | None = 1.0,  # as in `sound_mix`
        fade_ms: NotNegative = 10.0,
        conditions: ConditionList = ("1:0",),  # query conditions "n_active:n_inactive", or sweeps of them
        targets: Targets = "one",  # with n_active = 1, one target for each mixture or every one that `ask` allows
        ask: Known = "new",  # classes that can be targets
        # classes that can be drawn as inactive. Those that are not in `ask` are inactive whenever they are queried,
        # which a system can know: the shipped sets draw from what they ask for.
        inactive: Known = "all",
        clues: Clues = ("enrollment",),
        enrollment_s: Seconds = 5.0,  # longest enrollment clip; seen classes have as many as new ones
        confusable: Mapping[str, tuple[str, ...]] | None = None,  # label -> classes not inactive with it
        quantise: Quantise = "none",  # "int16" renders what 16-bit files would hold
        renderer: RendererName = "scaper",  # as in `sound_mix`
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
