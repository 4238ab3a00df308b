"""Thirty synthetic voices, and the base class of corpora of their speech."""

from __future__ import annotations

import hashlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ....core.errors import AudioError, ConfigError
from ...protocols.corpus import Recording, Samples
from ...signals.sample_cache import SampleCache
from .espeak import SAMPLE_RATE_HZ, Codes, Voice, library_version

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


class VoiceCorpus(ABC):
    """Utterances `<speaker>/<split>-<number>.wav` at 22.05 kHz, labelled by speaker.

    An utterance depends on the kind, version and seed of its corpus and on its own path.

    Args:
        seed: chooses the sentences; the voices stay the same.
        utterances: of each speaker, 1 to 10000; more never changes the first ones.
    """

    kind: str
    version: str
    cache: ClassVar[SampleCache]
    """Shared by all corpora of the process; holds all recordings of the default size."""
    licence = "CC0-1.0 (generated)"

    def __init__(self, *, name: str, seed: int, utterances: int) -> None:
        if not 1 <= utterances <= _MAX_UTTERANCES:
            raise ConfigError(f"corpus {name!r}: utterances = {utterances}; set it to 1 ... {_MAX_UTTERANCES}")
        self.name = name
        self.seed = seed
        self.utterances = utterances
        self._recordings: tuple[Recording, ...] = ()

    @abstractmethod
    def transcript(self, path: str) -> str:
        """Transcript of a recording, upper case."""

    @abstractmethod
    def _synthesise(self, path: str) -> Codes:
        """The samples [T] of an existing recording, at any level."""

    def _whole(self, path: str) -> Samples:
        return self.cache.get_or_make(self.key(path), lambda: level(self._synthesise(path)))

    def _random_bytes(self, path: str) -> bytes:
        return hashlib.sha256(self.key(path).encode()).digest()

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by path; the first call synthesises them (5 ms a sentence)."""
        if not self._recordings:
            paths = (f"{who}/{split}-{n:04d}.wav" for who, split in _SPLIT.items() for n in range(self.utterances))
            self._recordings = tuple(self._recording(path) for path in sorted(paths))
        return self._recordings

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Samples [T] of a stretch of one recording, and 22050 Hz."""
        self.speaker(path)
        whole = self._whole(path)
        stop = self._stop(path, start, frames, known=len(whole))
        return whole[start:stop].copy(), SAMPLE_RATE_HZ

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of what a recording depends on, the synthesiser's version included."""
        self.speaker(path)
        return hashlib.sha256(f"{self.key(path)}|espeak-ng {library_version()}".encode()).hexdigest()

    def speaker(self, path: str) -> str:
        """The speaker of a recording; raises an AudioError for an unknown path."""
        match = re.fullmatch(r"(\w+)/(\w+)-([0-9]{4})\.wav", path)
        if not match or match[2] != _SPLIT.get(match[1]) or int(match[3]) >= self.utterances:
            raise AudioError(
                f"corpus {self.name!r} has no recording {path!r}; its paths are like "
                f"'f1_p50_r150/test-0000.wav', with {self.utterances} utterances of each speaker"
            )
        return match[1]

    def key(self, path: str) -> str:
        """Identity of a recording: kind, version and seed of the corpus, and the path."""
        return f"{self.kind}|{self.version}|{self.seed}|{path}"

    def _recording(self, path: str) -> Recording:
        speaker = self.speaker(path)
        return Recording(
            path=path,
            label=speaker,
            frames=len(self._whole(path)),
            sample_rate_hz=SAMPLE_RATE_HZ,
            split=_SPLIT[speaker],
            group=path,
            transcript=self.transcript(path),
        )

    def _stop(self, path: str, start: int, frames: int | None, *, known: int, unit: str = "frames") -> int:
        """The end of a stretch of a recording of `known` frames or pictures."""
        stop = known if frames is None else start + frames
        if not 0 <= start < stop <= known:
            raise AudioError(
                f"recording {path!r} of corpus {self.name!r} has {known} {unit}, but {unit} "
                f"{start} to {stop} are asked for"
            )
        return stop


def voice_of(speaker: str) -> Voice:
    """The voice that a speaker's name describes."""
    variant, pitch, rate = speaker.split("_")
    return Voice(variant=variant, pitch=int(pitch[1:]), rate=int(rate[1:]))


def noise_seed(random: bytes) -> int:
    """A seed for the synthesiser's noise from the last four of random bytes."""
    return 1 + int.from_bytes(random[-4:], "big") % (2**31 - 1)


def audible_span(codes: Codes) -> tuple[int, int]:
    """Start and stop of the samples that lie within 50 dB of the peak, with a margin."""
    size = np.abs(codes.astype(np.int32))
    loud = np.flatnonzero(size * 316 > size.max())
    margin = round(MARGIN_S * SAMPLE_RATE_HZ)
    return max(0, int(loud[0]) - margin), min(int(loud[-1]) + 1 + margin, len(codes))


def level(codes: Codes) -> Samples:
    """Floats [T] of RMS `LEVEL_DB`; the energy is a sum of integers, so no machine rounds it."""
    energy = int(np.sum(codes.astype(np.int64) ** 2))
    gain = 10 ** (LEVEL_DB / 20) / math.sqrt(energy / len(codes))
    return codes.astype(np.float32) * np.float32(gain)
