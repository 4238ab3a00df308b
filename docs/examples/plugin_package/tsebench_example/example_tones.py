"""A corpus without files: tones of three pitches, each with noise of its own."""

from __future__ import annotations

import hashlib

import numpy as np

from tsebench.core.errors import AudioError
from tsebench.datasets.protocols.corpus import CORPORA, Recording, Samples
from tsebench.datasets.seeding import generator

RATE_HZ = 8000
PITCHES_HZ = {"low": 220.0, "middle": 440.0, "high": 880.0}


@CORPORA.register("example_tones")
class ExampleTones:
    """Tones of one second, labelled by pitch.

    Args:
        name: what datasets call the corpus.
        takes: recordings of each pitch in each split.
    """

    version = "1"
    licence = "CC0-1.0"

    def __init__(self, *, name: str = "example_tones", takes: int = 4) -> None:
        self.name = name
        self._recordings = [
            Recording(
                path=f"{split}/{label}/{take}",
                label=label,
                frames=RATE_HZ,
                sample_rate_hz=RATE_HZ,
                split=split,
                group=f"{split}/{label}/{take}",
            )
            for split in sorted(("train", "valid", "test"))
            for label in sorted(PITCHES_HZ)
            for take in range(takes)
        ]

    def recordings(self) -> list[Recording]:
        """All recordings, sorted by path."""
        return sorted(self._recordings, key=lambda recording: recording.path)

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Samples [T] of a stretch of a recording, and the sample rate in Hz.

        Raises:
            AudioError: the recording does not exist, or is shorter.
        """
        self._check(path)
        stop = RATE_HZ if frames is None else start + frames
        if not 0 <= start <= stop <= RATE_HZ:
            raise AudioError(f"recording {path!r} has {RATE_HZ} frames, not {start} to {stop}; ask for fewer")
        times_s = np.arange(RATE_HZ) / RATE_HZ
        tone = np.sin(2.0 * np.pi * PITCHES_HZ[path.split("/")[1]] * times_s)
        noise = 0.1 * generator("example_tones", path).standard_normal(RATE_HZ)
        return (0.1 * (tone + noise)).astype(np.float32)[start:stop], RATE_HZ

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the recipe of a recording.

        Raises:
            AudioError: the recording does not exist.
        """
        self._check(path)
        return hashlib.sha256(f"example_tones|{self.version}|{path}".encode()).hexdigest()

    def _check(self, path: str) -> None:
        if path not in {recording.path for recording in self._recordings}:
            raise AudioError(f"corpus {self.name!r} has no recording {path!r}; see `recordings`")
