"""Corpora that list their files before opening them: splits read separately, missing files counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from ....core.errors import CorpusError
from ...missing import IncompleteCorpusError, MissingRecordingsError
from ...protocols.corpus import Recording, Samples
from ...signals.audio_kinds import why_missing
from .audio_tree import AudioTree, Channel
from .file_entries import FileEntry, locate, visible_files

ADVICE = (
    ", or leave them out with --allow-missing of `tsebench build`, or for other commands with the "
    "corpus option `allow_missing: true`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Some files of a corpus, with their final splits.

    Attributes:
        title: names them in messages: "of audio_train" in "2 of the 5 files of audio_train".
        listed: number of files before options leave some out.
        released: number of files in the release, if known.
    """

    title: str
    entries: Mapping[str, FileEntry]
    listed: int = 0
    released: int | None = None


class ListedCorpus(ABC):
    """A corpus of audio files whose splits can be read separately; implements `Listed`.

    Splits are those of the whole list, so that they do not depend on which files exist. A split that lacks files is an
    error, because what is drawn from it depends on all its files, unless `allow_missing` is set.
    """

    channel: Channel = None

    def __init__(self, *, name: str, allow_missing: bool) -> None:
        self.name = name
        self._where = f"corpus {name!r}"
        self._allow_missing = allow_missing
        self._recordings: tuple[Recording, ...] = ()
        self._of_split: dict[str, tuple[Recording, ...]] = {}
        self._absent: set[str] = set()
        self._used: dict[str, Listing] = {}

    @property
    @abstractmethod
    def root(self) -> Path:
        """Folder that all paths are relative to."""

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by path; the first call reads their headers."""
        if not self._recordings:
            self._recordings = self._whole()
        return self._recordings

    def recordings_of(self, split: str) -> Sequence[Recording]:
        """The recordings of one split, sorted by path; reads no header of another split."""
        if split not in self._of_split:
            self._of_split[split] = self._with_headers(self._existing(split))
        return self._of_split[split]

    def recording(self, path: str) -> Recording:
        """One recording; the rest of the corpus need not exist."""
        entry = self._entry_at(path)
        if entry is None:
            raise CorpusError(f"{self._where}: no recording {path!r}; correct the path")
        if self._files.unreadable([path]):
            reason = f"recording {path!r} of corpus {self.name!r} is not there or cannot be read"
            raise MissingRecordingsError({(self.name, path): reason})
        return self._recordings_from([entry])[0]

    def entries(self) -> Sequence[FileEntry]:
        """All files including missing ones, sorted by path; reads no header."""
        every = [entry for listing in self._listings(None) for entry in listing.entries.values()]
        return sorted(every, key=lambda entry: entry.path)

    def absent(self) -> tuple[str, ...]:
        """Files left out so far because they are missing, sorted."""
        return tuple(sorted(self._absent))

    def shortfalls(self) -> tuple[str, ...]:
        """One line for each part that recordings were taken from and that has fewer files than released."""
        return tuple(
            f"{self._where} has {used.listed} of the {used.released} files {used.title}; which ones are "
            "missing is unknown, and a complete copy gives another set"
            for used in self._used.values()
            if used.released is not None and used.listed < used.released
        )

    def split_of(self, path: str) -> str | None:  # noqa: ARG002 - some subclasses know
        """The split of a file if its folder determines it."""
        return None

    def group_of(self, path: str) -> str:
        """The group of a file; the path itself if the corpus does not list it."""
        entry = self._entry_at(path)
        return path if entry is None else entry.group

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Mono samples [T] of a stretch of one file, and its rate in Hz; raises as `AudioTree.read`."""
        return self._files.read(path, start, frames)

    def read_channels(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """All channels [C, T] of a stretch of one file, and its rate in Hz; raises as `AudioTree.read`."""
        return self._files.read_channels(path, start, frames)

    def channels_of(self, path: str) -> int:
        """Number of channels of one file; raises as `AudioTree.header`."""
        return self._files.header(path).channels

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of a file; raises as `AudioTree.digest`."""
        return self._files.digest(path)

    @abstractmethod
    def _listings(self, split: str | None) -> Iterable[Listing]:
        """All files that may be of a split (None: of any chosen one), without looking for them."""

    @abstractmethod
    def _remedy(self) -> str:
        """How to complete the corpus, for the end of a message."""

    def _listings_with(self, path: str) -> Iterable[Listing]:  # noqa: ARG002 - some subclasses know
        """The files that may include a path."""
        return self._listings(None)

    def _entry_at(self, path: str) -> FileEntry | None:
        found = (listing.entries.get(path) for listing in self._listings_with(path))
        return next((entry for entry in found if entry is not None), None)

    @cached_property
    def _files(self) -> AudioTree:
        return AudioTree(self.root, corpus=self.name, channel=self.channel)

    def _existing(self, split: str | None) -> list[FileEntry]:
        """The existing files of a split (None: of all chosen ones), sorted by path."""
        wanted: list[FileEntry] = []
        gone: set[str] = set()
        lacking: list[str] = []
        for listing in self._listings(split):
            every = listing.entries.values()
            chosen = [entry for entry in every if split is None or entry.split == split]
            self._used.setdefault(listing.title, listing)
            missing = self._missing(chosen)
            if missing:
                part = "" if len(chosen) == len(every) else f" in split {split!r}"
                lacking.append(lacking_files(f"{listing.title}{part}", self.root, missing, len(chosen)))
            wanted += chosen
            gone.update(missing)
        if gone and not self._allow_missing:
            line = f"{self._where}: {' and '.join(lacking)}; {self._remedy()}{ADVICE}"
            raise IncompleteCorpusError(line, len(gone))
        self._absent |= gone
        return sorted((e for e in wanted if e.path not in gone), key=lambda entry: entry.path)

    def _found(self, folder: str, suffixes: Collection[str] = (".wav",)) -> list[str]:
        """Files below a folder; links that lead nowhere are an error, or left out if `allow_missing` is set."""
        try:
            return visible_files(self.root, folder, suffixes, lost=self._absent if self._allow_missing else None)
        except IncompleteCorpusError as error:
            raise IncompleteCorpusError(f"{self._where}: {error}{ADVICE}", error.missing) from None

    def _missing(self, entries: Iterable[FileEntry]) -> list[str]:
        return sorted(e.path for e in entries if not locate(self.root, e.path).is_file())

    def _whole(self) -> tuple[Recording, ...]:
        existing = self._existing(None)
        if not existing:
            raise CorpusError(f"{self._where}: no recording is left in {str(self.root)!r}; relax its options")
        return self._with_headers(existing)

    def _with_headers(self, entries: Sequence[FileEntry]) -> tuple[Recording, ...]:
        """Recordings, without the unreadable ones if `allow_missing` is set."""
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

    def _recordings_from(self, entries: Sequence[FileEntry]) -> tuple[Recording, ...]:
        headers = self._files.headers([entry.path for entry in entries])
        return tuple(
            Recording(frames=header.frames, sample_rate_hz=header.sample_rate_hz, **asdict(entry))
            for entry, header in zip(entries, headers, strict=True)
        )


def lacking_files(title: str, root: Path, missing: Sequence[str], listed: int) -> str:
    """The number of missing files, and the first of them with what is there instead, as part of a message."""
    instead = why_missing(locate(root, missing[0])).replace(": ", " (", 1)
    closed = f"{instead})" if instead else ""
    return f"{len(missing)} of the {listed} files {title} are missing, the first is {missing[0]!r}{closed}"
