"""Who and what is in a set, or in the mixtures that a system was trained on.

Recordings are told by their content, and speakers by corpus and label, so that two sets can be
compared whatever they are called and wherever their files lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from ..core.errors import AudioError, CorpusError
from .config import CorpusConfig
from .dataset import Dataset
from .manifest import Manifest
from .missing import FileKey
from .protocols.corpus import Corpora, Corpus, Listed, entries_of
from .seeding import digest
from .types import Mixture, Trial


def _unpacked(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


# In a file, one line of hashes and not thousands.
_Hashes = Annotated[tuple[str, ...], BeforeValidator(_unpacked), PlainSerializer(" ".join, return_type=str)]
_DIGITS = 16  # of a hash; two of a million recordings agree with a chance of 3e-8
_UNKNOWN = "?"
# Kinds that hold anybody's files: what tells them apart is their name in the config.
_OWN_FILES = frozenset({"folder", "scaper_set"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a set or a training is made of; everything is sorted.

    Attributes:
        parts: `corpus:split`, for example "librispeech:test-clean".
        recordings: the first 16 hexadecimal digits of each one's SHA-256; empty if not listed.
        speakers: `corpus:speaker`; empty where labels are sound classes.
    """

    parts: tuple[str, ...] = ()
    recordings: _Hashes = field(default=(), repr=False)
    speakers: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Contents without the lists; equal digests (SHA-256, hex) mean equal lists."""

    parts: tuple[str, ...]
    recordings: int
    speakers: int
    recordings_sha256: str
    speakers_sha256: str


def contents_of(dataset: Dataset) -> Contents:
    """The contents of a set."""
    manifest = dataset.manifest
    files = [(file.corpus, file.path) for file in manifest.files]
    return Contents(
        parts=dataset.card.parts or parts_of(files, dataset.card.corpora, dataset.corpora),
        recordings=tuple(sorted({short(file.sha256) for file in manifest.files})),
        speakers=tuple(sorted(_speakers(manifest))),
    )


def summary_of(contents: Contents) -> Summary:
    """Contents in a few numbers."""
    return Summary(
        parts=contents.parts,
        recordings=len(contents.recordings),
        speakers=len(contents.speakers),
        recordings_sha256=digest(*contents.recordings),
        speakers_sha256=digest(*contents.speakers),
    )


def short(sha256: str) -> str:
    """A recording's hash as contents hold it."""
    return sha256[:_DIGITS]


def title_of(name: str, config: CorpusConfig) -> str:
    """What a corpus is called outside of its config: its kind, or its name if that is no corpus."""
    return name if config.kind in _OWN_FILES else config.kind


def parts_of(
    files: Iterable[FileKey], configs: Mapping[str, CorpusConfig], corpora: Corpora
) -> tuple[str, ...]:
    """`corpus:split` of all that some files are of; `corpus:?` if that cannot be told."""
    paths: dict[str, set[str]] = {}
    for name, path in files:
        paths.setdefault(name, set()).add(path)
    found = {
        f"{title_of(name, configs[name])}:{split}"
        for name, some in paths.items()
        for split in _splits(corpora[name], some)
    }
    return tuple(sorted(found))


def is_speech(manifest: Manifest) -> bool:
    """Are the labels of this set speakers, who are asked for by voice or face?"""
    asked = any(t.clue.enrollments or t.clue.video for t in manifest.trials)
    return asked and not manifest.card.vocabulary


def speakers_in(trial: Trial, mixture: Mixture, configs: Mapping[str, CorpusConfig]) -> set[str]:
    """`corpus:speaker` of all who speak in the mixture of a trial, of a set of speech."""
    if not (trial.clue.enrollments or trial.clue.video):
        return set()
    return {
        f"{title_of(source.clip.corpus, configs[source.clip.corpus])}:{source.label}"
        for source in mixture.sources
        if source.role != "background"
    }


def _speakers(manifest: Manifest) -> set[str]:
    if not is_speech(manifest):
        return set()
    mixtures = {mixture.id: mixture for mixture in manifest.mixtures}
    corpora = manifest.card.corpora
    every = (speakers_in(t, mixtures[t.mixture_id], corpora) for t in manifest.trials)
    return set().union(*every)


def _splits(corpus: Corpus, paths: set[str]) -> set[str]:
    placed = {path: corpus.split_of(path) if isinstance(corpus, Listed) else None for path in paths}
    known = {split for split in placed.values() if split is not None}
    if None not in placed.values():
        return known
    try:
        found = {entry.split for entry in entries_of(corpus) if placed.get(entry.path, "") is None}
    except (AudioError, CorpusError):
        found = {_UNKNOWN}
    # Rooms and videos are no recordings: they are of no split of their own.
    return known | found or {_UNKNOWN}
