"""Sound-event mixtures: n classes on a background, queried by class label or by enrollment."""

from __future__ import annotations

from dataclasses import replace

from ...core.errors import ConfigError
from ..protocols.builder import BUILDERS, BuildContext, Drawn, Selection, open_pool
from ..queries import ConditionList, Targets
from ..seeding import generator
from .shared.class_trials import CaptionChoice, ClassTrials, Clues, PoolEnrollments
from .shared.microphones import MicrophoneOptions
from .shared.options import (
    ClassEnrollments,
    Confusable,
    EnrollmentSeconds,
    InactiveLabels,
    MixtureCount,
    MixtureRate,
    MixtureSeconds,
    Quantise,
)
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

MOST_EVENTS = 32
"""Events of a mixture whose classes may repeat."""


@BUILDERS.register("sound_mix")
class SoundMix:
    """Mixtures of n different classes at random positions on a background.

    Each event is brought to a level of its own, `snr_db` above `background_db`, whatever the other events are; then all
    are added up. With the renderer scaper, drawing reads each recording once at most, to tell which stretches are
    silent, and events are named s1, s2, ... in the order of time.

    Args:
        events: recordings of the foreground classes; their labels are the vocabulary.
        family: sets of one family, version and seed have the same mixtures, whatever their names; null: the set's name.
        n_classes: fewest and most classes in a mixture, drawn uniformly; each has one event.
        repeat_classes: draw the class of each event by itself, so that a mixture may have several of one class;
            `n_classes` then counts events.
        microphones: several channels, and where the sources are drawn around them; the background comes from a point,
            too. null: one channel. Not with the renderer scaper.
    """

    def __init__(
        self,
        *,
        context: BuildContext,
        events: Selection,
        background: Background | None = None,
        family: str | None = None,
        count: MixtureCount,
        sample_rate_hz: MixtureRate = 16000,
        duration_s: MixtureSeconds = 6.0,
        n_classes: tuple[int, int] = (3, 3),
        repeat_classes: bool = False,
        event_s: EventSeconds = (2.0, 5.0),
        snr_db: EventLevels = (15.0, 25.0),
        background_db: BackgroundLevel = -50.0,
        level: SceneScale = "lufs",
        peak: ScenePeak | None = 0.9,
        fade_ms: FadeMs = 10.0,
        conditions: ConditionList = ("1:0",),
        targets: Targets = "one",
        clues: Clues = ("classes",),
        captions: CaptionChoice = None,
        enrollments: ClassEnrollments = 1,
        enrollment_s: EnrollmentSeconds = 5.0,
        inactive_labels: InactiveLabels | None = None,
        confusable: Confusable | None = None,
        quantise: Quantise = "none",
        renderer: RendererName = "standard",
        microphones: MicrophoneOptions | None = None,
    ) -> None:
        self.count, self.sample_rate_hz = count, sample_rate_hz
        context = self._context = replace(context, name=family or context.name)
        self._events = open_pool(events, context)
        self.vocabulary = self._events.labels
        self._n_classes, self._repeat = n_classes, repeat_classes
        if not 1 <= n_classes[0] <= n_classes[1] <= (MOST_EVENTS if repeat_classes else len(self.vocabulary)):
            within = f"{MOST_EVENTS}" if repeat_classes else f"the {len(self.vocabulary)} classes of the vocabulary"
            raise ConfigError(f"n_classes = {list(n_classes)} must be rising and lie within 1 and {within}")
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
            microphones=microphones,
        )
        self._scenes = SoundScenes(context, options, background)
        self.notes = self._scenes.placement.notes
        self._trials = ClassTrials(
            context=context,
            vocabulary=self.vocabulary,
            scenes=self._scenes.background_labels,
            conditions=conditions,
            most_active=1 if repeat_classes else n_classes[0],
            targets=targets,
            clues=clues,
            captions=captions,
            inactive=inactive_labels,
            confusable=confusable,
            enroll=PoolEnrollments(
                context, self._events, count=enrollments, max_s=enrollment_s, audibility=self._scenes.levels.audibility
            ),
        )

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`."""
        mixture_id = self._context.mixture_id(index)
        rng = generator(*self._context.key(mixture_id))
        sources = self._scenes.backgrounds(rng)
        count = int(rng.integers(self._n_classes[0], self._n_classes[1] + 1))
        labels = rng.choice(self.vocabulary, size=count, replace=self._repeat)
        sources += [
            self._scenes.event(f"s{place}", self._events, str(label), rng) for place, label in enumerate(labels, 1)
        ]
        return self._trials.draw(self._scenes.mix(mixture_id, sources))
