"""The embedded sound corpus: procedural sound events, made when they are read, nothing on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial

import numpy as np
from numpy.random import Generator

from ...core.errors import AudioError, ConfigError, suggest
from ..protocols.corpus import CORPORA, Recording, Samples
from ..seeding import digest, generator
from ..signals.sample_cache import SampleCache
from .synthesis import noisy_sounds as noisy
from .synthesis import tonal_sounds as tonal
from .synthesis.sound_parts import RATE_HZ, Recipe, Signal, log_uniform, seconds

CORPUS_NAME = "synthetic_sounds"
VERSION = "1"
BACKGROUND_LABEL = "background"

_SEEN: Mapping[str, Recipe] = {
    "bell": tonal.bell,
    "bird_chirp": tonal.bird_chirp,
    "crow": tonal.crow,
    "dog_bark": tonal.dog_bark,
    "engine": noisy.engine,
    "flute": tonal.flute,
    "footsteps": noisy.footsteps,
    "glass_break": noisy.glass_break,
    "knock": noisy.knock,
    "phone_ring": tonal.phone_ring,
    "rain": noisy.rain,
    "sawing": noisy.sawing,
    "siren": tonal.siren,
    "snare_drum": noisy.snare_drum,
    "ticking": noisy.ticking,
    "wind": noisy.wind,
}
_NEW: Mapping[str, Recipe] = {
    "baby_cry": tonal.baby_cry,
    "bubbles": tonal.bubbles,
    "cricket": tonal.cricket,
    "helicopter": noisy.helicopter,
}
SEEN_CLASSES: tuple[str, ...] = tuple(_SEEN)
"""Classes in the training data of the shipped networks."""
NEW_CLASSES: tuple[str, ...] = tuple(_NEW)
"""Classes held out of training, for tests of generalisation."""

_RECIPES: Mapping[str, Recipe] = {**_SEEN, **_NEW, BACKGROUND_LABEL: noisy.background}
_EVENT_S = (1.5, 6.0)
_BACKGROUND_S = 10.0
_FADE_S = 0.005
_PEAK = (0.5, 0.9)
_CACHE_BYTES = 256 * 2**20


@CORPORA.register(CORPUS_NAME)
class SyntheticSounds:
    """Twenty classes of procedural sound events and a background, mono, 16 kHz.

    A recording depends only on the seed and on its own path `<label>/<split>-<index>.wav`, so changing how many there
    are leaves the others as they were.

    Args:
        seed: of all recordings, with their paths.
        train: recordings of each class in split "train".
        valid: recordings of each class in split "valid".
        test: recordings of each class in split "test".
    """

    version = VERSION
    licence = "CC0-1.0"

    def __init__(
        self, *, name: str = CORPUS_NAME, seed: int = 0, train: int = 40, valid: int = 10, test: int = 10
    ) -> None:
        self.name = name
        self._seed = seed
        self._counts = (("train", train), ("valid", valid), ("test", test))
        if min(train, valid, test) < 0 or train + valid + test == 0:
            raise ConfigError(
                f"corpus {name!r}: train = {train}, valid = {valid}, test = {test}; "
                "counts must be 0 or more, and one at least must be above 0"
            )
        self._cache = SampleCache(_CACHE_BYTES)

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by path; nothing is synthesised."""
        return self._recordings

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Mono samples [T] of a stretch of one recording, and its sample rate in Hz."""
        known = self._known(path)
        stop = known.frames if frames is None else start + frames
        if not 0 <= start < stop <= known.frames:
            raise AudioError(
                f"recording {path!r} of corpus {self.name!r} has {known.frames} frames, but frames "
                f"{start} to {stop} are asked for; ask for a stretch inside it"
            )
        whole = self._cache.get_or_make(path, partial(self._make, known))
        return whole[start:stop].copy(), RATE_HZ

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of corpus, version, seed and path; not of samples, whose last bit differs between machines."""
        self._known(path)
        return digest(CORPUS_NAME, VERSION, self._seed, path)

    @cached_property
    def _recordings(self) -> tuple[Recording, ...]:
        made = (
            self._describe(label, split, index)
            for label in _RECIPES
            for split, count in self._counts
            for index in range(count)
        )
        return tuple(sorted(made, key=lambda recording: recording.path))

    @cached_property
    def _by_path(self) -> Mapping[str, Recording]:
        return {recording.path: recording for recording in self._recordings}

    def _known(self, path: str) -> Recording:
        if path in self._by_path:
            return self._by_path[path]
        counts = ", ".join(f"{split} = {count}" for split, count in self._counts)
        label = path.partition("/")[0]
        raise AudioError(
            f"corpus {self.name!r} has no recording {path!r}; paths: <label>/<split>-<index>.wav "
            f"with {counts} recordings of each label{suggest(label, _RECIPES)}"
        )

    def _describe(self, label: str, split: str, index: int) -> Recording:
        path = f"{label}/{split}-{index:04d}.wav"
        duration_s = _BACKGROUND_S
        if label != BACKGROUND_LABEL:
            duration_s = log_uniform(self._generator(path, "length"), *_EVENT_S)
        frames = seconds(duration_s)
        return Recording(path=path, label=label, frames=frames, sample_rate_hz=RATE_HZ, split=split, group=path)

    def _make(self, recording: Recording) -> Samples:
        rng = self._generator(recording.path, "sound")
        return finish(_RECIPES[recording.label](rng, recording.frames), rng)

    def _generator(self, path: str, purpose: str) -> Generator:
        return generator(CORPUS_NAME, VERSION, self._seed, path, purpose)


def finish(sound: Signal, rng: Generator) -> Samples:
    """Fade both ends, remove the mean in the shape of the fade, and set a random peak of 0.5 to 0.9."""
    length = len(sound)
    fade = np.minimum(np.arange(length), np.arange(length)[::-1]) / (_FADE_S * RATE_HZ)
    window = np.sin(0.5 * np.pi * fade.clip(0.0, 1.0)) ** 2
    level = sound * window
    level -= window * (level.sum() / window.sum())
    level *= rng.uniform(*_PEAK) / np.abs(level).max()
    return np.asarray(level, dtype=np.float32)
