"""Corpora that know their files before they open them: splits apart, and what is missing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ....core.errors import AudioError, CorpusError
from ...missing import IncompleteCorpusError, MissingRecordingsError
from ...protocols.corpus import Recording, Samples
from .audio_tree import AudioTree, Channel
from .folder_listing import Entry, locate

ADVICE = (
    ", or leave them out with --allow-missing of `tsebench build`, or for other commands with the "
    "corpus option `allow_missing: true`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some files of a corpus, with their final splits.

    Attributes:
        title: what they are, as "of audio_train" in "2 of the 5 files of audio_train".
        entries: the files by path, whether or not they are there.
        listed: how many files there are, before options leave some out.
        released: how many the release has, if that is known.
    """

    title: str
    entries: Mapping[str, Entry]
    listed: int = 0
    released: int | None = None


class ListedCorpus(ABC):
    """A corpus of which one split can be had without another.

    Splits are those of the whole list, so that they do not depend on which files are there. A split
    that lacks files is an error, because what is drawn from it depends on all that it holds, unless
    `allow_missing` is set.

    Args:
        name: what datasets call the corpus.
        channel: channel to read of files with several, or "mean"; None refuses such files.
        allow_missing: leave out files that the corpus lists and that are not there.
    """

    def __init__(self, *, name: str, channel: Channel, allow_missing: bool) -> None:
        self.name = name
        self._where = f"corpus {name!r}"
        self._channel = channel
        self._allow_missing = allow_missing
        self._recordings: tuple[Recording, ...] = ()
        self._of_split: dict[str, tuple[Recording, ...]] = {}
        self._absent: set[str] = set()
        self._used: dict[str, Batch] = {}

    @property
    @abstractmethod
    def root(self) -> Path:
        """Folder that all paths are relative to."""

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by path; the first call reads their headers.

        Raises:
            CorpusError: the corpus is missing, incomplete, or not laid out as it should be.
        """
        if not self._recordings:
            self._recordings = self._whole()
        return self._recordings

    def recordings_of(self, split: str) -> Sequence[Recording]:
        """The recordings of one split, sorted by path; no header of another one is read.

        Raises:
            CorpusError: the split is missing, incomplete, or not laid out as it should be.
        """
        if split not in self._of_split:
            self._of_split[split] = self._with_headers(self._there(split))
        return self._of_split[split]

    def recording(self, path: str) -> Recording:
        """One recording, whatever else is there.

        Raises:
            CorpusError: the corpus does not list it, or it has channels that `channel` does not
                make one.
            MissingRecordingsError: it is not there, or damaged.
        """
        entry = self._entry_at(path)
        if entry is None:
            raise CorpusError(f"{self._where}: no recording {path!r}; correct the path")
        if self._files.unreadable([path]):
            reason = f"recording {path!r} of corpus {self.name!r} is not there or cannot be read"
            raise MissingRecordingsError({(self.name, path): reason})
        return self._recordings_from([entry])[0]

    def entries(self) -> Sequence[Entry]:
        """All files with split and group, sorted by path, there or not; no header is read.

        Raises:
            CorpusError: the corpus is missing, or not laid out as it should be.
        """
        every = [entry for batch in self._batches(None) for entry in batch.entries.values()]
        return sorted(every, key=lambda entry: entry.path)

    def absent(self) -> tuple[str, ...]:
        """Files that were looked for so far and were left out, sorted."""
        return tuple(sorted(self._absent))

    def shortfalls(self) -> tuple[str, ...]:
        """Parts that recordings were taken from so far and that hold fewer files than released."""
        return tuple(
            f"{self._where} has {batch.listed} of the {batch.released} files {batch.title}; which "
            "ones are missing cannot be told, and a complete copy gives another set"
            for batch in self._used.values()
            if batch.released is not None and batch.listed < batch.released
        )

    def split_of(self, path: str) -> str | None:  # noqa: ARG002 - a subclass may know
        """The split of a file, if its folder tells it."""
        return None

    def group_of(self, path: str) -> str:
        """The group of a file; the path itself if the corpus does not list it."""
        entry = self._entry_at(path)
        return path if entry is None else entry.group

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Mono samples [T] of a stretch of one file, and its rate in Hz.

        Raises:
            MissingRecordingsError: the file is missing, outside the root, corrupt, empty, shorter
                than asked, not finite, or of several channels while `channel` is not set.
        """
        try:
            return self._files.read(path, start, frames)
        except AudioError as error:
            raise MissingRecordingsError({(self.name, path): str(error)}) from None

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of a file.

        Raises:
            AudioError: the file cannot be read.
        """
        return self._files.digest(path)

    @abstractmethod
    def _batches(self, split: str | None) -> Iterable[Batch]:
        """All files that may be of a split, or of any that is wanted; none is looked for.

        Raises:
            CorpusError: what lists them cannot be read.
        """

    @abstractmethod
    def _cure(self) -> str:
        """How to complete the corpus, for the end of a message."""

    def _holding(self, path: str) -> Iterable[Batch]:  # noqa: ARG002 - a subclass may know
        """The files among which a path may be."""
        return self._batches(None)

    def _entry_at(self, path: str) -> Entry | None:
        found = (batch.entries.get(path) for batch in self._holding(path))
        return next((entry for entry in found if entry is not None), None)

    @cached_property
    def _files(self) -> AudioTree:
        return AudioTree(self.root, where=self._where, channel=self._channel)

    def _there(self, split: str | None) -> list[Entry]:
        """The files of a split, or of all that are wanted, sorted by path; all are there.

        Raises:
            IncompleteCorpusError: files are missing, and `allow_missing` is not set.
        """
        wanted: list[Entry] = []
        gone: set[str] = set()
        lacking: list[str] = []
        for batch in self._batches(split):
            every = batch.entries.values()
            chosen = [entry for entry in every if split is None or entry.split == split]
            self._used.setdefault(batch.title, batch)
            missing = self._missing(chosen)
            if missing:
                part = "" if len(chosen) == len(every) else f" in split {split!r}"
                lacking.append(lacking_of(f"{batch.title}{part}", missing, len(chosen)))
            wanted += chosen
            gone.update(missing)
        if gone and not self._allow_missing:
            line = f"{self._where}: {' and '.join(lacking)}; {self._cure()}{ADVICE}"
            raise IncompleteCorpusError(line, len(gone))
        self._absent |= gone
        return sorted((e for e in wanted if e.path not in gone), key=lambda entry: entry.path)

    def _missing(self, entries: Iterable[Entry]) -> list[str]:
        return sorted(e.path for e in entries if not locate(self.root, e.path).is_file())

    def _whole(self) -> tuple[Recording, ...]:
        there = self._there(None)
        if not there:
            raise CorpusError(f"{self._where}: no recording is left in {str(self.root)!r}; relax its options")
        return self._with_headers(there)

    def _with_headers(self, entries: Sequence[Entry]) -> tuple[Recording, ...]:
        """Recordings, without those that cannot be read if that is allowed.

        Raises:
            CorpusError: files cannot be read, or have channels that `channel` does not make one.
        """
        try:
            return self._recordings_from(entries)
        except CorpusError as error:
            unreadable = self._files.unreadable([entry.path for entry in entries])
            if not unreadable:
                raise
            if not self._allow_missing:
                raise IncompleteCorpusError(f"{error}{ADVICE}", len(unreadable)) from None
        self._absent |= unreadable
        return self._recordings_from([e for e in entries if e.path not in unreadable])

    def _recordings_from(self, entries: Sequence[Entry]) -> tuple[Recording, ...]:
        headers = self._files.headers([entry.path for entry in entries])
        return tuple(
            Recording(
                path=entry.path,
                label=entry.label,
                frames=header.frames,
                sample_rate_hz=header.sample_rate_hz,
                split=entry.split,
                group=entry.group,
                transcript=entry.transcript,
            )
            for entry, header in zip(entries, headers, strict=True)
        )


def lacking_of(title: str, missing: Sequence[str], listed: int) -> str:
    """How many files are missing, and the first of them."""
    return f"{len(missing)} of the {listed} files {title} are missing, the first is {missing[0]!r}"
