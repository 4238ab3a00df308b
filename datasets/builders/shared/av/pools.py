"""Speakers of audio-visual mixtures, and crops of their recordings and videos."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from .....core.errors import AudioError, ConfigError, DatasetError
from ....missing import MissingRecordingsError
from ....protocols.builder import BuildContext, Pool, Selection, TooFewRecordingsError, open_pool, stretch
from ....protocols.corpus import Recording, VideoCorpus, VideoInfo
from ....signals.clips import ClipReader
from ....signals.mixing import SILENT_DB, power_db
from ....types import Clip, VideoClip

_TRIES = 10
_PAUSE_DB = 40.0  # a crop so much below its recording is a pause
_SHORTER_S = 0.2  # a video may be so much shorter than its sound; the last picture stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A stretch of a recording, and the speaker or class that it is of."""

    label: str
    clip: Clip


class SpeakerPools:
    """Recordings of one or several corpora; a corpus is drawn first, with equal chances.

    `min_s` is the shortest recording in seconds, unless a selection has a larger one.
    """

    def __init__(
        self, selections: Iterable[Selection], context: BuildContext, read: ClipReader, *, min_s: float = 0.0
    ) -> None:
        found: dict[str, Pool] = {}
        for selection in selections:
            longer = selection.model_copy(update={"min_s": max(min_s, selection.min_s)})
            pool = open_pool(longer, context)
            before = found.get(pool.corpus)
            found[pool.corpus] = _together(before, pool) if before else pool
        self._pools = tuple(found.values())
        self._corpora = ", ".join(repr(pool.corpus) for pool in self._pools)
        self._read = read

    def draw_label(
        self, rng: np.random.Generator, *, without: Collection[str] = (), by_recording: bool = False
    ) -> tuple[Pool, str]:
        """A label that is not in `without`, and its pool.

        Labels have equal chances, or with `by_recording` all recordings.
        """
        left = [(pool, [x for x in pool.labels if x not in without]) for pool in self._pools]
        left = [(pool, labels) for pool, labels in left if labels]
        if not left:
            raise ConfigError(
                f"corpora {self._corpora} have no speaker "
                f"but {', '.join(sorted(without))}, who are in the mixture already; add speakers"
            )
        pool, labels = left[int(rng.integers(len(left)))]
        if by_recording:
            labels = [label for label in labels for _ in pool.by_label[label]]
        return pool, labels[int(rng.integers(len(labels)))]

    def with_label(self, label: str, rng: np.random.Generator) -> tuple[Pool, str]:
        """The given label, and a pool that has it."""
        pools = [pool for pool in self._pools if label in pool.by_label]
        if not pools:
            raise ConfigError(
                f"corpora {self._corpora} have no speaker "
                f"{label!r}, who is on the screen; take `off_screen` from the same corpus"
            )
        return pools[int(rng.integers(len(pools)))], label

    def crop(
        self, pool: Pool, label: str, rng: np.random.Generator, *, seconds: float, used: Collection[str] = ()
    ) -> Crop | None:
        """A stretch of at most `seconds`, of a group that is not in `used`; None if all tries are silent."""
        free = [r for r in pool.by_label[label] if r.group not in used]
        if not free:
            raise TooFewRecordingsError(
                f"label {label!r} of corpus {pool.corpus!r} has no recording besides those that "
                "the mixture has; add recordings, or exclude the label"
            )
        for _ in range(_TRIES):
            recording = free[int(rng.integers(len(free)))]
            clip = stretch(pool, recording, seconds=seconds, position=float(rng.random()))
            if is_audible(clip, recording, self._read):
                return Crop(label=label, clip=clip)
        return None


class Films:
    """On-screen speech: stretches of `seconds`, each beginning with a picture of its video.

    A stretch begins at least `lead` pictures into its film.
    """

    def __init__(
        self, selection: Selection, context: BuildContext, read: ClipReader, *, seconds: float, lead: int = 0
    ) -> None:
        longer = selection.model_copy(update={"min_s": max(seconds, selection.min_s)})
        self._pool = open_pool(longer, context)
        corpus = context.corpus(selection.corpus)
        if not isinstance(corpus, VideoCorpus):
            raise ConfigError(
                f"corpus {selection.corpus!r} has no videos; use one that has, such as synthetic_av or voxceleb2"
            )
        self._videos: VideoCorpus = corpus
        self._read, self._seconds, self._lead = read, seconds, lead

    def group(self, clip: Clip) -> str:
        """The group of the recording that a clip is of."""
        return self._pool.group_of(clip.path)

    def draw(self, rng: np.random.Generator, *, without: Collection[str] = ()) -> tuple[Crop, VideoClip]:
        """On-screen speech and its pictures, of a speaker who is not in `without`."""
        labels = [label for label in self._pool.labels if label not in without]
        if not labels:
            raise ConfigError(f"corpus {self._pool.corpus!r} has one speaker alone; a wrong video needs another one")
        for _ in range(_TRIES):
            label = str(rng.choice(labels))
            recording = self._pool.pick(label, rng)
            clip, video = self._cut(recording, float(rng.random()))
            if video.start < self._lead:
                continue
            if is_audible(clip, recording, self._read):
                return Crop(label=label, clip=clip), video
        raise DatasetError(
            f"corpus {self._pool.corpus!r}: {_TRIES} stretches in a row are silent{self._or_at_the_start()}; exclude "
            "such recordings"
        )

    def _or_at_the_start(self) -> str:
        return f" or less than {self._lead} pictures into their film" if self._lead else ""

    def _cut(self, recording: Recording, position: float) -> tuple[Clip, VideoClip]:
        path = self._videos.video_path(recording.path)
        known = video_info(self._videos, path)
        rate = recording.sample_rate_hz
        spare_s = recording.frames / rate - self._seconds
        pictures = round(self._seconds * known.fps)
        if known.frames / known.fps < self._seconds - _SHORTER_S:
            reason = (
                f"video {path!r} of corpus {self._pool.corpus!r} lasts "
                f"{known.frames / known.fps:.2f} s, less than the {self._seconds:g} s of its sound"
            )
            raise MissingRecordingsError({(self._pool.corpus, path): reason})
        places = max(0, min(int(spare_s * known.fps), known.frames - pictures))
        least = min(self._lead, places)
        first = least + min(int(position * (places - least + 1)), places - least)
        frames = min(round(self._seconds * rate), recording.frames)
        start = min(round(first / known.fps * rate), recording.frames - frames)
        clip = Clip(corpus=self._pool.corpus, path=recording.path, start=start, frames=frames)
        shown = min(pictures, known.frames - first)
        return clip, VideoClip(corpus=self._pool.corpus, path=path, start=first, frames=shown)


def video_info(videos: VideoCorpus, path: str) -> VideoInfo:
    """Length and rate of a video, or MissingRecordingsError if it cannot be read."""
    try:
        return videos.video_info(path)
    except AudioError as error:
        raise MissingRecordingsError({(videos.name, path): str(error)}) from None


def is_audible(clip: Clip, recording: Recording, read: ClipReader) -> bool:
    """Whether a clip is neither silent nor a pause of its recording."""
    whole = Clip(corpus=clip.corpus, path=clip.path, start=0, frames=recording.frames)
    floor_db = max(SILENT_DB, power_db(read(whole)) - _PAUSE_DB)
    return power_db(read(clip)) > floor_db


def _together(one: Pool, other: Pool) -> Pool:
    """All recordings of two selections of one corpus, each once."""
    by_label: dict[str, tuple[Recording, ...]] = {}
    for label in sorted({*one.labels, *other.labels}):
        recordings = {*one.by_label.get(label, ()), *other.by_label.get(label, ())}
        by_label[label] = tuple(sorted(recordings, key=lambda recording: recording.path))
    return Pool(corpus=one.corpus, by_label=by_label, group_of=one.group_of)
