"""Recordings of a corpus that a degradation draws: noise, responses of rooms, other utterances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....core.errors import ConfigError, suggest
from ...protocols.corpus import Corpus, Listed, Placed, Recording, entries_of
from ...seeding import generator
from ...types import Clip

if TYPE_CHECKING:
    from ...dataset import Dataset


def drawn_recordings(name: str, of: Dataset, *, seed: int, count: int) -> tuple[Clip, ...]:
    """Whole recordings of the corpus of that name, drawn with replacement.

    Raises:
        ConfigError: no such corpus is open.
    """
    if name not in of.corpora:
        known = suggest(name, of.corpora)
        raise ConfigError(f"no corpus {name!r} in `corpora` of the sweep or of dataset {of.card.name!r}{known}")
    corpus = of.corpora[name]
    every = entries_of(corpus)
    places = generator("recorded", seed).integers(len(every), size=count)
    return tuple(clip_of(name, recording_of(corpus, every[int(place)])) for place in places)


def recording_of(corpus: Corpus, entry: Placed) -> Recording:
    """The recording of an entry, with its length and rate."""
    if isinstance(entry, Recording):
        return entry
    if isinstance(corpus, Listed):
        return corpus.recording(entry.path)
    return next(each for each in corpus.recordings() if each.path == entry.path)


def clip_of(name: str, recording: Recording, *, longest_s: float = float("inf")) -> Clip:
    """A recording of the corpus of that name from its beginning on."""
    frames = int(min(recording.frames, longest_s * recording.sample_rate_hz))
    return Clip(corpus=name, path=recording.path, start=0, frames=max(1, frames))
