"""Synthetic speech: matrix sentences by espeak-ng, needing no download.

Thirty voices say sentences of a small grammar, so that a recogniser with that grammar measures
word error rates. A speaker is a variant of the synthesiser at one pitch and one rate, and belongs
to one split: the test voices are unseen in training, and pocketsphinx understands each of them.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence

import numpy as np

from ...errors import AudioError, ConfigError
from ..corpus import CORPORA, Recording, Samples
from . import _matrix_sentences
from ._cache import SampleCache
from ._espeak import SAMPLE_RATE_HZ, Codes, Voice, library_version, synthesise

KIND = "synthetic_speech"
LEVEL_DB = -26.0  # RMS of every recording, relative to full scale
MARGIN_S = 0.05  # of silence that trimming leaves at both ends
_MAX_UTTERANCES = 10_000  # paths number them with four digits

# Variant, pitch and rate. Two voices of one variant are at least 20 steps of pitch apart.
_TRAIN = """
f1_p20_r140 f1_p75_r155 f2_p50_r140 f3_p20_r160 f3_p75_r150 f4_p55_r135 f4_p80_r155 f5_p15_r150
m1_p35_r150 m2_p50_r160 m3_p50_r150 m4_p30_r160 m6_p45_r160 m8_p60_r140 klatt4_p30_r155
klatt6_p70_r145
"""
_VALID = "f2_p85_r150 f4_p30_r150 f5_p40_r160 m1_p60_r135 m5_p80_r150 klatt4_p65_r140"
_TEST = """
f1_p50_r150 f2_p20_r160 f3_p45_r140 f5_p70_r150
m2_p20_r155 m5_p50_r140 m6_p75_r135 klatt6_p35_r160
"""
SPEAKERS = {"train": _TRAIN.split(), "valid": _VALID.split(), "test": _TEST.split()}
_SPLIT = {speaker: split for split, speakers in SPEAKERS.items() for speaker in speakers}

# One for the process: corpora of one seed say the same. Holds all recordings of the default size.
_CACHE = SampleCache(max_bytes=96 * 2**20)


@CORPORA.register(KIND)
class SyntheticSpeech:
    """Matrix sentences at 22.05 kHz, 2 to 4 s long, labelled by speaker.

    Args:
        name: what datasets call the corpus.
        seed: chooses the sentences; the voices stay.
        utterances: of each speaker, 1 to 10000; more never changes those that were there.
    """

    version = "1"
    licence = "CC0-1.0 (generated)"

    def __init__(self, *, name: str = KIND, seed: int = 0, utterances: int = 12) -> None:
        if not 1 <= utterances <= _MAX_UTTERANCES:
            raise ConfigError(
                f"corpus {name!r}: utterances = {utterances}; set it to 1 ... {_MAX_UTTERANCES}"
            )
        self.name = name
        self.seed = seed
        self.utterances = utterances
        self._recordings: tuple[Recording, ...] = ()

    @staticmethod
    def grammar() -> str:
        """JSGF grammar of all transcripts, in lower case, for a recogniser."""
        return _matrix_sentences.jsgf()

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by path; the first call synthesises them (5 ms each).

        Raises:
            CorpusError: the speech synthesiser cannot be loaded.
        """
        if not self._recordings:
            paths = (
                f"{speaker}/{split}-{index:04d}.wav"
                for speaker, split in _SPLIT.items()
                for index in range(self.utterances)
            )
            self._recordings = tuple(self._recording(path) for path in sorted(paths))
        return self._recordings

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Samples [T] of a stretch of one recording, and 22050 Hz.

        Raises:
            AudioError: no such recording, or it is shorter than asked.
            CorpusError: the speech synthesiser cannot be loaded.
        """
        whole = self._whole(path)
        stop = len(whole) if frames is None else start + frames
        if not 0 <= start < stop <= len(whole):
            raise AudioError(
                f"recording {path!r} of corpus {self.name!r} has {len(whole)} frames, but frames "
                f"{start} to {stop} are asked for"
            )
        return whole[start:stop].copy(), SAMPLE_RATE_HZ

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of what the samples depend on, the synthesiser's version included.

        Raises:
            AudioError: no such recording.
            CorpusError: the speech synthesiser cannot be loaded.
        """
        self._speaker(path)
        return hashlib.sha256(
            f"{self._key(path)}|espeak-ng {library_version()}".encode()
        ).hexdigest()

    def _recording(self, path: str) -> Recording:
        speaker = self._speaker(path)
        return Recording(
            path=path,
            label=speaker,
            frames=len(self._whole(path)),
            sample_rate_hz=SAMPLE_RATE_HZ,
            split=_SPLIT[speaker],
            group=path,
            transcript=_matrix_sentences.sentence(self._draw(path)),
        )

    def _speaker(self, path: str) -> str:
        match = re.fullmatch(r"(\w+)/(\w+)-([0-9]{4})\.wav", path)
        if not match or match[2] != _SPLIT.get(match[1]) or int(match[3]) >= self.utterances:
            raise AudioError(
                f"corpus {self.name!r} has no recording {path!r}; its paths are like "
                f"'f1_p50_r150/test-0000.wav', with {self.utterances} utterances of each speaker"
            )
        return match[1]

    def _key(self, path: str) -> str:
        return f"{KIND}|{self.version}|{self.seed}|{path}"

    def _draw(self, path: str) -> bytes:
        return hashlib.sha256(self._key(path).encode()).digest()

    def _whole(self, path: str) -> Samples:
        speaker = self._speaker(path)
        return _CACHE.get_or_make(self._key(path), lambda: self._say(speaker, self._draw(path)))

    @staticmethod
    def _say(speaker: str, draw: bytes) -> Samples:
        variant, pitch, rate = speaker.split("_")
        voice = Voice(variant=variant, pitch=int(pitch[1:]), rate=int(rate[1:]))
        seed = 1 + int.from_bytes(draw[-4:], "big") % (2**31 - 1)
        text = _matrix_sentences.sentence(draw).lower()
        return _level(_trim(synthesise(text, voice=voice, seed=seed)))


def _trim(codes: Codes) -> Codes:
    """Cut what is 50 dB below the peak off both ends [T], but for a margin."""
    size = np.abs(codes.astype(np.int32))
    loud = np.flatnonzero(size * 316 > size.max())
    margin = round(MARGIN_S * SAMPLE_RATE_HZ)
    return codes[max(0, int(loud[0]) - margin) : int(loud[-1]) + 1 + margin]


def _level(codes: Codes) -> Samples:
    """Floats [T] of RMS `LEVEL_DB`; the energy is a sum of integers, so no machine rounds it."""
    energy = int(np.sum(codes.astype(np.int64) ** 2))
    gain = 10 ** (LEVEL_DB / 20) / math.sqrt(energy / len(codes))
    return codes.astype(np.float32) * np.float32(gain)
