"""Mixtures in the style of FUSS, from any corpus of sounds (Wisdom et al., ICASSP 2021)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from ...core.errors import ConfigError, DatasetError
from ..corpora.fuss import Fuss, Room
from ..protocols.builder import BUILDERS, BuildContext, Drawn, Pool, Selection, open_pool, stretch
from ..protocols.corpus import Recording
from ..queries import ConditionList, Targets
from ..renderers.fuss import FUSS
from ..renderers.scaper import PLAIN
from ..renderers.shared.sox_rate import sox_length
from ..seeding import generator
from ..types import Clip, Mixture, Source
from .shared.audibility import Audibility
from .shared.class_trials import CaptionChoice, ClassTrials, Clues, PoolEnrollments
from .shared.options import (
    ClassEnrollments,
    EnrollmentSeconds,
    Level,
    LevelSpan,
    MixtureCount,
    MixtureRate,
    MixtureSeconds,
)
from .shared.sound_scenes import SoundMixture, level_gain
from .shared.target_trials import NOTE, trials_without_clue

_FADE_S = 0.01


@BUILDERS.register("fuss_style")
class FussStyle:
    """One background over the whole mixture, and a few events that are used whole.

    Recordings longer than a mixture are backgrounds, the others events; labels may repeat. As in FUSS, an event that
    would stick out ends with the mixture, so that many do. Levels and signals are Scaper's; the recipe can be written
    as JAMS if there are no rooms. Without `conditions` each trial names a source and carries no clue.

    Args:
        sounds: recordings of the events, and of the backgrounds unless they are given; those longer than `duration_s`
            are backgrounds.
        background: recordings of the backgrounds; those not longer than `duration_s` are left out. null: those of
            `sounds`.
        rooms: name of a corpus of kind fuss, of whose rooms each mixture draws one; null: dry.
        rooms_split: split of the rooms; null: the dataset's own.
        n_events: fewest and most events besides the background, drawn uniformly; their labels may repeat.
        snr_db: lowest and highest loudness of an event over `background_db`, in LU, drawn uniformly for each event by
            itself; it is not relative to the other events. Loudness is that of ITU-R BS.1770 over the event's own clip,
            before room and fade.
        background_db: loudness of the background's stretch in a mixture, in LUFS (ITU-R BS.1770, re full scale).
        conditions: conditions of queries by class label: 'n_active:n_inactive' in quotes, or sections that stand for
            several. Those that need more classes than a mixture holds are left out there, and counted. A class that is
            in the background too is no target. null: each trial names a source and carries no clue.
        clues: what a query gives of its classes, with `conditions`: labels ("classes"), recordings ("enrollment"), a
            caption ("text"), or several of these.
    """

    def __init__(
        self,
        *,
        context: BuildContext,
        sounds: Selection,
        background: Selection | None = None,
        rooms: str | None = None,
        rooms_split: str | None = None,
        count: MixtureCount,
        sample_rate_hz: MixtureRate = 16_000,
        duration_s: MixtureSeconds = 10.0,
        n_events: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (0, 3),
        snr_db: LevelSpan = (-5.0, 25.0),
        background_db: Level = -55.0,
        conditions: ConditionList | None = None,
        targets: Targets = "one",
        clues: Clues = ("classes",),
        captions: CaptionChoice = None,
        enrollments: ClassEnrollments = 1,
        enrollment_s: EnrollmentSeconds = 5.0,
    ) -> None:
        if n_events[0] > n_events[1]:
            raise ConfigError(f"n_events = {list(n_events)} falls; write the lowest first")
        self.count, self.sample_rate_hz = count, sample_rate_hz
        self._context, self._duration_s = context, duration_s
        self._num_samples = int(duration_s * sample_rate_hz)
        self._n_events, self._snr_db, self._background_db = n_events, snr_db, background_db
        every = open_pool(sounds, context)
        self._events = _by_length(every, duration_s, longer=False)
        self._backgrounds = _by_length(open_pool(background, context) if background else every, duration_s, longer=True)
        self._rooms = self._open_rooms(rooms, rooms_split or context.split)
        self._room_corpus = rooms or ""
        self._audibility = Audibility(context.corpora, sample_rate_hz=sample_rate_hz, fade_s=_FADE_S)
        self.vocabulary = self._events.labels if conditions else ()
        self.notes: tuple[str, ...] = () if conditions else (NOTE,)
        self._trials = conditions and ClassTrials(
            context=context,
            vocabulary=self.vocabulary,
            conditions=conditions,
            most_active=n_events[1],
            targets=targets,
            clues=clues,
            captions=captions,
            enroll=PoolEnrollments(
                context, self._events, count=enrollments, max_s=enrollment_s, audibility=self._audibility
            ),
        )

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`."""
        mixture_id = self._context.mixture_id(index)
        rng = generator(*self._context.key(mixture_id))
        fewest, most = self._n_events
        sources = [self._background(rng)]
        sources += [self._event(rng) for _ in range(int(rng.integers(fewest, most + 1)))]
        sources.sort(key=lambda source: (source.role != "background", source.onset))
        named = [replace(source, id=f"s{place}") for place, source in enumerate(sources)]
        named[0] = replace(named[0], id="background")
        mixture = Mixture(
            id=mixture_id,
            sample_rate_hz=self.sample_rate_hz,
            num_samples=self._num_samples,
            sources=self._in_room(named, rng),
            renderer=FUSS if self._rooms else PLAIN,
            tags={"n_sources": len(named)},
        )
        audible = frozenset(s.id for s in named if self._audibility.audible(s.clip))
        mixed = SoundMixture(mixture=mixture, audible=audible)
        if not self._trials:
            return trials_without_clue(mixed)
        behind = mixture.sources[0].label
        labels = sorted({source.label for source in mixture.sources[1:]} - {behind})
        return self._trials.draw(mixed, candidates=labels)

    def _background(self, rng: np.random.Generator) -> Source:
        recording = _any(self._backgrounds, rng)
        clip = stretch(self._backgrounds, recording, seconds=self._duration_s, position=float(rng.random()))
        return Source(
            id="background", label=recording.label, role="background", clip=clip, gain=level_gain(self._background_db)
        )

    def _event(self, rng: np.random.Generator) -> Source:
        recording = _any(self._events, rng)
        clip = stretch(self._events, recording, seconds=self._duration_s)
        length = sox_length(clip.frames, from_hz=recording.sample_rate_hz, to_hz=self.sample_rate_hz)
        onset = min(int(rng.integers(self._num_samples)), self._num_samples - length)
        level = self._background_db + float(rng.uniform(*self._snr_db))
        return Source(
            id="event",
            label=recording.label,
            role="foreground",
            clip=clip,
            gain=level_gain(level),
            onset=max(0, onset),
            fade=int(_FADE_S * self.sample_rate_hz),
        )

    def _open_rooms(self, name: str | None, split: str) -> tuple[Room, ...]:
        if name is None:
            return ()
        rooms = self._context.corpus_of(Fuss, "fuss", name).rooms(split)
        able = tuple(r for r in rooms if r.background and len(r.foreground) >= self._n_events[1])
        if not able:
            raise DatasetError(
                f"corpus {name!r}: no room of split {split!r} has responses for a background and "
                f"{self._n_events[1]} events; lower n_events"
            )
        return able

    def _in_room(self, sources: list[Source], rng: np.random.Generator) -> tuple[Source, ...]:
        if not self._rooms:
            return tuple(sources)
        room = self._rooms[int(rng.integers(len(self._rooms)))]
        paths = (room.background[0], *room.foreground)
        return tuple(
            replace(source, impulse_response=self._response(path)) for source, path in zip(sources, paths, strict=False)
        )

    def _response(self, path: str) -> Clip:
        samples, _ = self._context.corpora[self._room_corpus].read(path)
        return Clip(corpus=self._room_corpus, path=path, start=0, frames=len(samples))


def _by_length(pool: Pool, duration_s: float, *, longer: bool) -> Pool:
    """The recordings that are longer than a mixture, or those that are not."""
    fitting = pool.filtered(lambda r: (r.frames > duration_s * r.sample_rate_hz) == longer)
    left = {label: found for label, found in fitting.by_label.items() if found}
    if not left:
        what = "longer than" if longer else "of at most"
        raise DatasetError(
            f"corpus {pool.corpus!r} has no recording {what} {duration_s} s for "
            f"{'backgrounds' if longer else 'events'}; change duration_s or give `background`"
        )
    return replace(pool, by_label=left)


def _any(pool: Pool, rng: np.random.Generator) -> Recording:
    """Any recording of a pool, whatever its label."""
    every = [recording for found in pool.by_label.values() for recording in found]
    return every[int(rng.integers(len(every)))]
