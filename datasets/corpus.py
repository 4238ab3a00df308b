"""What a corpus is: recordings with labels, readable by path, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..registry import Registry

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording of a corpus.

    Attributes:
        path: relative to the corpus root (a virtual path in a synthetic corpus).
        label: speaker or sound class.
        frames: length at its own rate.
        split: "train", "valid", "test", or whatever the corpus calls its parts.
        group: recordings of one group must not be on both sides of a query or a split
            (same uploader, same original file); the path itself where nothing is known.
        transcript: what is said, upper case without punctuation, if it is speech.
    """

    path: str
    label: str
    frames: int
    sample_rate_hz: int
    split: str
    group: str
    transcript: str | None = None


class Corpus(Protocol):
    """Recordings with labels. Reading is deterministic and safe from several threads."""

    name: str
    version: str
    licence: str

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by path, whatever the order of the directory listing.

        Raises:
            CorpusError: the corpus is missing, empty or not laid out as expected.
        """
        ...

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Mono samples [T] of a stretch of one recording, and its sample rate in Hz.

        Raises:
            AudioError: the file is missing, corrupt, empty, not finite, or not mono.
        """
        ...

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of what determines the samples of one recording."""
        ...


CorpusFactory = Callable[..., Corpus]
Corpora = Mapping[str, Corpus]

CORPORA: Registry[CorpusFactory] = Registry(
    "corpus", package="tsebench.datasets.corpora", group="tsebench.corpora"
)
