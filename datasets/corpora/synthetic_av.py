"""Synthetic talking mouths: the voices of synthetic_speech, filmed, needing no download.

Each speaker has a face, and says two matrix sentences; the mouth follows the phonemes that the synthesiser reports with
their first samples, so that picture and sound are together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from ...core.errors import ConfigError
from ..protocols.corpus import CORPORA, Pictures, VideoInfo
from ..seeding import generator
from ..signals.sample_cache import PictureCache, SampleCache
from .synthesis.espeak import Codes, Speech, speak
from .synthesis.matrix_sentences import sentence
from .synthesis.mouth_pictures import draw_face, draw_grain, draw_motion, draw_pictures
from .synthesis.mouth_shapes import Track, track
from .synthesis.voice_corpus import VoiceCorpus, audible_span, noise_seed, voice_of

KIND = "synthetic_av"
FPS = 25.0
_SMALLEST, _LARGEST = 16, 256


@CORPORA.register(KIND)
class SyntheticAv(VoiceCorpus):
    """Filmed sentences, 4 to 7 s at 22.05 kHz and 25 pictures per second, labelled by speaker.

    Args:
        seed: chooses the sentences and how the heads move; voices and faces stay the same.
        size: height and width of the pictures in pixels, 16 to 256.
    """

    kind = KIND
    version = "1"
    cache = SampleCache(max_bytes=128 * 2**20)
    films = PictureCache(max_bytes=320 * 2**20)

    def __init__(self, *, name: str = KIND, seed: int = 0, utterances: int = 6, size: int = 64) -> None:
        super().__init__(name=name, seed=seed, utterances=utterances)
        if not _SMALLEST <= size <= _LARGEST:
            raise ConfigError(f"corpus {name!r}: size = {size} pixels; set it to {_SMALLEST} ... {_LARGEST}")
        self.size = size

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of what sound and pictures depend on, the synthesiser's version included."""
        return hashlib.sha256(f"{super().digest(path)}|{self.size}".encode()).hexdigest()

    def transcript(self, path: str) -> str:
        """Transcript of a recording, upper case."""
        return " ".join(self._sentences(path))

    def video_path(self, path: str) -> str:
        """The path itself."""
        self.speaker(path)
        return path

    def video_info(self, path: str) -> VideoInfo:
        """Length and rate of the video of a recording; its last picture may outlast the sound."""
        return VideoInfo(frames=len(self.shapes(path)), fps=FPS)

    def read_video(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Pictures, float]:
        """Pictures [F, size, size] of a stretch of one recording, and 25 pictures per second."""
        film = self.films.get_or_make((self.key(path), self.size), lambda: self._drawn(path))
        stop = self._stop(path, start, frames, known=len(film), unit="pictures")
        return film[start:stop].copy(), FPS

    def _drawn(self, path: str) -> Pictures:
        """The whole film of a recording."""
        shapes = self.shapes(path)
        count = len(shapes)
        motion = draw_motion(generator(self.key(path), "motion"), count, FPS)
        seeds = (generator(self.key(path), "grain", place) for place in range(count))
        face = draw_face(generator(KIND, self.version, self.speaker(path)))
        return draw_pictures(face, shapes, motion.stretch(0, count), draw_grain(seeds, size=self.size))

    def shapes(self, path: str) -> Track:
        """The shape of the mouth in every picture [F, 4]: opening, width, rounding, teeth."""
        spoken = self._spoken(path)
        return track(spoken.speech.phonemes, start=spoken.start, stop=spoken.stop, fps=FPS)

    def _sentences(self, path: str) -> list[str]:
        keys = (f"{self.key(path)}|{number}" for number in range(2))
        return [sentence(hashlib.sha256(k.encode()).digest()) for k in keys]

    def _synthesise(self, path: str) -> Codes:
        spoken = self._spoken(path)
        return spoken.speech.codes[spoken.start : spoken.stop]

    def _spoken(self, path: str) -> _Spoken:
        text = ". ".join(self._sentences(path)).lower()
        return _say(self.speaker(path), text, noise_seed(self._random_bytes(path)))


@dataclass(frozen=True, slots=True)
class _Spoken:
    """An utterance of the synthesiser; its samples `start` to `stop` are the recording."""

    speech: Speech
    start: int
    stop: int


@lru_cache(maxsize=64)
def _say(speaker: str, text: str, seed: int) -> _Spoken:
    speech = speak(text, voice=voice_of(speaker), seed=seed)
    return _Spoken(speech, *audible_span(speech.codes))
