"""Synthetic talking mouths: the voices of synthetic_speech, filmed, needing no download.

Each speaker has a face, and says two matrix sentences; the mouth follows the phonemes that the synthesiser
reports with their first samples, so that picture and sound are together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from ...core.errors import ConfigError
from ..protocols.corpus import CORPORA, Pictures, Samples, VideoInfo
from ..seeding import generator
from ..signals.sample_cache import SampleCache
from .synthesis import matrix_sentences as _matrix_sentences
from .synthesis.espeak import Speech, speak
from .synthesis.mouth_pictures import draw_face, draw_grain, draw_motion, draw_pictures
from .synthesis.mouth_shapes import Track, track
from .synthesis.voice_corpus import VoiceCorpus, audible_span, level, noise_seed, voice_of

KIND = "synthetic_av"
FPS = 25.0
_SMALLEST, _LARGEST = 16, 256

# One for the process: corpora of one seed say the same. Holds all recordings of the default size.
_CACHE = SampleCache(max_bytes=128 * 2**20)


@CORPORA.register(KIND)
class SyntheticAv(VoiceCorpus):
    """Filmed sentences, 4 to 7 s at 22.05 kHz and 25 pictures per second, labelled by speaker.

    Args:
        name: what datasets call the corpus.
        seed: chooses the sentences and how the heads move; voices and faces stay.
        utterances: of each speaker, 1 to 10000; more never changes those that were there.
        size: height and width of the pictures in pixels, 16 to 256.
    """

    kind = KIND
    version = "1"

    def __init__(self, *, name: str = KIND, seed: int = 0, utterances: int = 6, size: int = 64) -> None:
        super().__init__(name=name, seed=seed, utterances=utterances)
        if not _SMALLEST <= size <= _LARGEST:
            raise ConfigError(f"corpus {name!r}: size = {size} pixels; set it to {_SMALLEST} ... {_LARGEST}")
        self.size = size

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of what sound and pictures depend on, the synthesiser's version included.

        Raises:
            AudioError: no such recording.
            CorpusError: the speech synthesiser cannot be loaded.
        """
        return hashlib.sha256(f"{super().digest(path)}|{self.size}".encode()).hexdigest()

    def transcript(self, path: str) -> str:
        """What is said in a recording, upper case."""
        return " ".join(self._sentences(path))

    def video_path(self, path: str) -> str:
        """The path itself.

        Raises:
            AudioError: no such recording.
        """
        self.speaker(path)
        return path

    def video_info(self, path: str) -> VideoInfo:
        """Length and rate of the video of a recording; its last picture may outlast the sound.

        Raises:
            AudioError: no such recording.
            CorpusError: the speech synthesiser cannot be loaded.
        """
        return VideoInfo(frames=len(self.shapes(path)), fps=FPS)

    def read_video(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Pictures, float]:
        """Pictures [F, size, size] of a stretch of one recording, and 25 pictures per second.

        Raises:
            AudioError: no such recording, or it is shorter than asked.
            CorpusError: the speech synthesiser cannot be loaded.
        """
        shapes = self.shapes(path)
        stop = self._stop(path, start, frames, known=len(shapes), what="pictures")
        motion = draw_motion(generator(self.key(path), "motion"), len(shapes), FPS)
        seeds = (generator(self.key(path), "grain", place) for place in range(start, stop))
        pictures = draw_pictures(
            draw_face(generator(KIND, self.version, self.speaker(path))),
            shapes[start:stop],
            motion.stretch(start, stop),
            draw_grain(seeds, size=self.size),
        )
        return pictures, FPS

    def shapes(self, path: str) -> Track:
        """The shape of the mouth in every picture [F, 4]: opening, width, rounding, teeth.

        Raises:
            AudioError: no such recording.
            CorpusError: the speech synthesiser cannot be loaded.
        """
        said = self._said(path)
        return track(said.speech.phonemes, start=said.start, stop=said.stop, fps=FPS)

    def _sentences(self, path: str) -> list[str]:
        keys = (f"{self.key(path)}|{number}" for number in range(2))
        return [_matrix_sentences.sentence(hashlib.sha256(k.encode()).digest()) for k in keys]

    def _whole(self, path: str) -> Samples:
        return _CACHE.get_or_make(self.key(path), lambda: self._sound(path))

    def _sound(self, path: str) -> Samples:
        said = self._said(path)
        return level(said.speech.codes[said.start : said.stop])

    def _said(self, path: str) -> _Said:
        seed = noise_seed(hashlib.sha256(self.key(path).encode()).digest())
        return _say(self.speaker(path), ". ".join(self._sentences(path)).lower(), seed)


@dataclass(frozen=True, slots=True)
class _Said:
    """An utterance as it was said; its samples `start` to `stop` are the recording."""

    speech: Speech
    start: int
    stop: int


@lru_cache(maxsize=64)
def _say(speaker: str, text: str, seed: int) -> _Said:
    speech = speak(text, voice=voice_of(speaker), seed=seed)
    return _Said(speech, *audible_span(speech.codes))
