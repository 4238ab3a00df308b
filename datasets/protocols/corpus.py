"""Protocols of corpora: recordings with labels, read by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...core.entry_checks import call_problem, face_problem
from ...core.registry import Registry

Samples = NDArray[np.float32]
Pictures = NDArray[np.uint8]
"""Grey pictures [F, H, W], 0 (black) to 255 (white)."""

Features = NDArray[np.float32]
"""Features [F, 1, D] of the pictures of a video, instead of the pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording of a corpus.

    Attributes:
        path: relative to the corpus root (a virtual path in a synthetic corpus).
        frames: length at its own rate.
        split: "train", "valid", "test", or whatever the corpus calls its parts.
        group: recordings of one group must not be on both sides of a query or a split (same uploader, same original
            file); the path itself where nothing is known.
        transcript: of speech, as it was written, see `transcripts.clean_text`; None if it is not known.
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
        """All recordings, sorted by path; CorpusError if the corpus is missing, empty or not laid out as expected."""

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Mono samples [T] of a stretch of one recording, and its rate in Hz; AudioError if it cannot be read."""

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of all that determines the samples of one recording."""


class Placed(Protocol):
    """A recording, or a listed file whose header was not read."""

    @property
    def path(self) -> str:
        """Relative to the corpus."""

    @property
    def label(self) -> str:
        """Speaker or sound class, as far as known."""

    @property
    def split(self) -> str:
        """Part of the corpus."""

    @property
    def group(self) -> str:
        """Recordings of one group are on one side of a split."""


@runtime_checkable
class Listed(Protocol):
    """A corpus that lists its files without reading their headers, as those on disk do."""

    def split_of(self, path: str) -> str | None:
        """The split of a file, if its folder gives it."""

    def group_of(self, path: str) -> str:
        """The group of a file; the path itself if it is not listed."""

    def entries(self) -> Sequence[Placed]:
        """All listed files, missing or not, sorted by path; CorpusError if the list cannot be read."""

    def recording(self, path: str) -> Recording:
        """One recording; CorpusError if it is not listed, AudioError if it is missing or damaged."""

    def recordings_of(self, split: str) -> Sequence[Recording]:
        """The recordings of one split, sorted by path; CorpusError if some are missing."""


@runtime_checkable
class SpokenGrammar(Protocol):
    """A corpus whose sentences follow a grammar."""

    def grammar(self) -> str:
        """All possible sentences, as a JSGF grammar in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """Number of pictures of a video, and its constant rate in pictures per second."""

    frames: int
    fps: float


@runtime_checkable
class VideoCorpus(Corpus, Protocol):
    """A corpus whose recordings were filmed; picture and sound begin together.

    `digest` of the path of a video covers all that determines its pictures.
    """

    def video_path(self, path: str) -> str:
        """Path of the video of a recording, which may be the recording's own."""

    def video_info(self, path: str) -> VideoInfo:
        """Length and rate of the video at `path`; AudioError if it cannot be decoded or has no constant rate."""

    def read_video(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Pictures | Features, float]:
        """Pictures [F, H, W] of a stretch of the video at `path`, and pictures per second; raises as `video_info`."""


@runtime_checkable
class ChannelCorpus(Protocol):
    """A corpus whose files may have several channels.

    Attributes:
        channel: the one that `read` gives, from 0; "mean": the mean of all; None: there is one.
    """

    channel: int | Literal["mean"] | None

    def channels_of(self, path: str) -> int:
        """Number of channels of one recording; AudioError if it cannot be read."""

    def read_channels(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """All channels [C, T] of a stretch of one recording, and its rate in Hz; AudioError if it cannot be read."""


CorpusFactory = Callable[..., Corpus]
Corpora = Mapping[str, Corpus]


def _problem(_: str, factory: CorpusFactory) -> str:
    """Why a class or function cannot be a corpus."""
    faces = face_problem(factory, Corpus) if isinstance(factory, type) else ""
    return call_problem(factory, keywords=["name"]) or faces


CORPORA: Registry[CorpusFactory] = Registry(
    "corpus", package="tsebench.datasets.corpora", group="tsebench.corpora", check=_problem
)


def entries_of(corpus: Corpus) -> Sequence[Placed]:
    """All files of a corpus, without reading headers where possible."""
    return corpus.entries() if isinstance(corpus, Listed) else corpus.recordings()


def recordings_of(corpus: Corpus, split: str) -> Sequence[Recording]:
    """The recordings of one split of a corpus, sorted by path."""
    if isinstance(corpus, Listed):
        return corpus.recordings_of(split)
    return [recording for recording in corpus.recordings() if recording.split == split]
