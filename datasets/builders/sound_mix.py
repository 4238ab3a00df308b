"""Sound-event mixtures: n classes on a background, asked for by class label or by enrollment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ...errors import ConfigError, suggest
from ..builder import (
    BUILDERS,
    BuildContext,
    Count,
    Drawn,
    Level,
    LevelSpan,
    Peak,
    Pool,
    Seconds,
    SecondsSpan,
    Selection,
    enrollment_clips,
    open_pool,
    stretch,
)
from ..clips import clip_reader
from ..mixing import SILENT_DB, LevelScale, db_to_gain, level_db, power_db
from ..queries import ClassQuery, ConditionText, Targets, draw_queries, parse_condition
from ..render import input_snr, limit_peak
from ..renderer import Rendered
from ..seeding import generator
from ..types import Clip, ClueSpec, Mixture, Source, Trial

Clue = Literal["classes", "enrollment"]

_TRIES = 10


@BUILDERS.register("sound_mix")
class SoundMix:
    """Mixtures of n different classes at random positions on a background.

    The level of each event is `snr_db` above the background's (or, without a background, above
    `background_db`), on the chosen scale: "lufs" as Scaper does, or mean power.

    Args:
        context: identity of the set and open corpora.
        events: recordings of the foreground classes; their labels are the vocabulary.
        background: recordings of the background, or None; those shorter than a mixture are left
            out.
        count: number of mixtures.
        sample_rate_hz: rate of the mixtures.
        duration_s: length of each mixture.
        n_classes: fewest and most classes in a mixture.
        event_s: shortest and longest event; a shorter recording is used whole.
        snr_db: lowest and highest level of an event above the background.
        background_db: level of the background.
        level: scale of the levels.
        peak: a mixture whose peak is higher is scaled down to it, sources and all.
        fade_ms: raised-cosine fade at both ends of each event.
        conditions: query conditions "n_active:n_inactive".
        targets: with n_active = 1, one target for each mixture or every active class.
        clues: kinds of clue that each trial carries.
        enrollments: clips for each queried class, if enrollment is a clue.
        enrollment_s: longest enrollment clip.
        inactive_labels: classes that may be drawn as inactive; the vocabulary if None.
        confusable: class or background label -> classes that do not count as inactive beside it
            (near-synonyms, or events that the scene holds anyway).
        quantise: "int16" renders what 16-bit files would hold.
    """

    def __init__(
        self,
        *,
        context: BuildContext,
        events: Selection,
        background: Selection | None = None,
        count: Count,
        sample_rate_hz: Count = 16000,
        duration_s: Seconds = 6.0,
        n_classes: tuple[int, int] = (3, 3),
        event_s: SecondsSpan = (2.0, 5.0),
        snr_db: LevelSpan = (15.0, 25.0),
        background_db: Level = -50.0,
        level: LevelScale = "lufs",
        peak: Peak = 0.9,
        fade_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0,
        conditions: Annotated[tuple[ConditionText, ...], Field(min_length=1)] = ("1:0",),
        targets: Targets = "one",
        clues: Annotated[tuple[Clue, ...], Field(min_length=1)] = ("classes",),
        enrollments: Count = 1,
        enrollment_s: Seconds = 5.0,
        inactive_labels: tuple[str, ...] | None = None,
        confusable: Mapping[str, tuple[str, ...]] | None = None,
        quantise: Literal["none", "int16"] = "none",
    ) -> None:
        self.count, self.sample_rate_hz = count, sample_rate_hz
        self._context = context
        self._events = open_pool(events, context)
        self.vocabulary = self._events.labels
        self._num_samples = round(duration_s * sample_rate_hz)
        self._background = None
        if background:
            longer = background.model_copy(update={"min_s": max(background.min_s, duration_s)})
            self._background = open_pool(longer, context)
        self._n_classes, self._event_s, self._snr_db = n_classes, event_s, snr_db
        self._background_db, self._level, self._peak = background_db, level, peak
        self._fade = round(fade_ms * 1e-3 * sample_rate_hz)
        self._conditions = tuple(parse_condition(text) for text in conditions)
        self._targets, self._clues = targets, clues
        self._enrollments, self._enrollment_s = enrollments, enrollment_s
        self._inactive = inactive_labels or self.vocabulary
        self._confusable = dict(confusable or {})
        self._quantise: Literal["none", "int16"] = quantise
        self._read = clip_reader(sample_rate_hz=sample_rate_hz, corpora=context.corpora)
        self._check()

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`."""
        mixture_id = self._context.mixture_id(index)
        rng = generator(*self._context.key(mixture_id))
        sources = [self._draw_background(self._background, rng)] if self._background else []
        labels = self._draw_labels(rng)
        sources += [
            self._draw_event(f"s{place}", label, rng) for place, label in enumerate(labels, 1)
        ]
        mixture = Mixture(
            id=mixture_id,
            sample_rate_hz=self.sample_rate_hz,
            num_samples=self._num_samples,
            sources=tuple(sources),
            quantise=self._quantise,
            tags={"n_classes": len(labels)},
        )
        mixture, rendered = limit_peak(mixture, self._peak, self._context.corpora, read=self._read)
        return self._ask(mixture, rendered)

    def _check(self) -> None:
        most = self._n_classes[1]
        if not 1 <= self._n_classes[0] <= most <= len(self.vocabulary):
            raise ConfigError(
                f"n_classes = {list(self._n_classes)} must be rising and lie within 1 and the "
                f"{len(self.vocabulary)} classes of the vocabulary"
            )
        if self._event_s[1] > self._num_samples / self.sample_rate_hz:
            raise ConfigError(
                f"event_s = {list(self._event_s)} holds events longer than the mixture; lower it "
                "or raise duration_s"
            )
        for number, condition in enumerate(self._conditions):
            if condition in self._conditions[:number]:
                raise ConfigError(f"condition {condition} is asked for twice; name it once")
            if condition.n_active > self._n_classes[0]:
                raise ConfigError(
                    f"condition {condition} asks for {condition.n_active} active classes, but a "
                    f"mixture may hold only {self._n_classes[0]}; lower it or raise n_classes"
                )
        known = set(self.vocabulary) | set(self._background.labels if self._background else ())
        named = {*self._inactive, *self._confusable}
        named.update(label for labels in self._confusable.values() for label in labels)
        for label in sorted(named - known):
            raise ConfigError(f"no class {label!r} in this set{suggest(label, known)}")

    def _draw_labels(self, rng: np.random.Generator) -> list[str]:
        low, high = self._n_classes
        count = int(rng.integers(low, high + 1))
        return [str(label) for label in rng.choice(self.vocabulary, size=count, replace=False)]

    def _draw_background(self, pool: Pool, rng: np.random.Generator) -> Source:
        label = str(rng.choice(pool.labels))
        clip = self._draw_clip(pool, label, self._num_samples / self.sample_rate_hz, rng)
        gain = self._gain(clip, self._background_db)
        return Source(id="background", label=label, role="background", clip=clip, gain=gain)

    def _draw_event(self, source_id: str, label: str, rng: np.random.Generator) -> Source:
        clip = self._draw_clip(self._events, label, float(rng.uniform(*self._event_s)), rng)
        level = self._background_db + float(rng.uniform(*self._snr_db))
        length = len(self._read(clip))
        onset = int(rng.integers(max(0, self._num_samples - length) + 1))
        return Source(
            id=source_id,
            label=label,
            role="foreground",
            clip=clip,
            gain=self._gain(clip, level),
            onset=onset,
            fade=self._fade,
        )

    def _draw_clip(self, pool: Pool, label: str, seconds: float, rng: np.random.Generator) -> Clip:
        """A stretch that is not silent, if a few draws find one: recordings may hold long gaps."""
        for _ in range(_TRIES):
            recording = pool.pick(label, rng)
            clip = stretch(pool, recording, seconds=seconds, position=float(rng.random()))
            if power_db(self._read(clip)) > SILENT_DB:
                break
        return clip

    def _gain(self, clip: Clip, target_db: float) -> float:
        samples = self._read(clip)
        if power_db(samples) <= SILENT_DB:
            return 1.0  # nothing to measure; the silent source is never a target
        return db_to_gain(target_db - level_db(samples, self.sample_rate_hz, scale=self._level))

    def _ask(self, mixture: Mixture, rendered: Rendered) -> Drawn:
        events = {s.label: s for s in mixture.sources if s.role == "foreground"}
        audible = [
            s.label
            for s, samples in zip(mixture.sources, rendered.sources, strict=True)
            if s.role == "foreground" and power_db(samples) > SILENT_DB
        ]
        present = {s.label for s in mixture.sources}
        for label in sorted(present):
            present |= set(self._confusable.get(label, ()))
        key = self._context.key(mixture.id)
        queries = draw_queries(
            active=audible,
            present=present,
            pool=self._inactive,
            conditions=self._conditions,
            targets=self._targets,
            key=key,
        )
        # Systems see a trial's id: neither it nor the order may tell which condition this is.
        order = generator(*key, "order").permutation(len(queries))
        trials = tuple(
            self._trial(mixture, events, queries[int(place)], rendered, number)
            for number, place in enumerate(order)
        )
        silent = len(events) - len(audible)
        excluded = {"silent_target": silent} if silent else {}
        return Drawn(mixture=mixture, trials=trials, excluded=excluded, rendered=rendered)

    def _trial(
        self,
        mixture: Mixture,
        events: Mapping[str, Source],
        query: ClassQuery,
        rendered: Rendered,
        number: int,
    ) -> Trial:
        target_ids = tuple(events[label].id for label in query.active)
        name = "+".join(query.active) or "none"
        return Trial(
            id=f"{mixture.id}_q{number}",
            mixture_id=mixture.id,
            clue=self._clue(mixture, query),
            target_ids=target_ids,
            condition=query.condition,
            cluster=mixture.id,
            tags={
                "target": name,
                "n_classes": len(events),
                **input_snr(mixture, rendered, target_ids),
            },
        )

    def _clue(self, mixture: Mixture, query: ClassQuery) -> ClueSpec:
        clips: list[Clip] = []
        if "enrollment" in self._clues:
            used = [source.clip for source in mixture.sources]
            for label in query.classes:
                # An inactive class draws from a fixed list, the same for every mixture.
                key = self._context.key(mixture.id if label in query.active else "inactive")
                clips += enrollment_clips(
                    self._events,
                    label,
                    used=used,
                    rng=generator(*key, "enrollment", label),
                    count=self._enrollments,
                    max_s=self._enrollment_s,
                )
        classes = query.classes if "classes" in self._clues else ()
        return ClueSpec(enrollments=tuple(clips), classes=classes)
