"""What published corpora on disk share: parts, splits, what is missing, headers, reading."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NoReturn

from ...errors import ConfigError, CorpusError, suggest
from ..corpus import Recording, Samples
from ._audio_tree import AudioTree, Channel
from ._folder_listing import Entry, hold_out, locate
from ._layout import Part, Release, find_root
from ._table import Table, read_table


class DiskCorpus(ABC):
    """A published corpus on disk; a subclass names its parts and lists the files of each.

    A part whose folder is not there is left out. A part that lacks files is an error, because what
    is drawn from a corpus depends on all that it holds, unless `allow_missing` is set.

    Args:
        name: what datasets call the corpus.
        root: folder of the corpus, the one above it, or one of its own folders.
        splits: only these splits; the headers of the other files are not read. None: all.
        valid_share: this share of the groups of "train" becomes "valid", chosen by SHA-256.
        channel: channel to read of files with several, or "mean"; None refuses such files.
        allow_missing: leave out files that the corpus lists and that are not there.

    Raises:
        ConfigError: a split is unknown, or the share is not in 0..1.
    """

    release: ClassVar[Release]
    parts: ClassVar[tuple[Part, ...]] = ()
    beside: ClassVar[tuple[str, ...]] = ()
    """Folders of the corpus without recordings: metadata, or what has methods of its own."""
    version: str = "unknown"
    licence: str = "unknown"

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        splits: tuple[str, ...] | None = None,
        valid_share: float = 0.0,
        channel: Channel = None,
        allow_missing: bool = False,
    ) -> None:
        self.name = name
        self._where = f"corpus {name!r}"
        self._given = Path(root)
        self._splits = splits
        self._valid_share = valid_share
        self._channel = channel
        self._allow_missing = allow_missing
        self._recordings: tuple[Recording, ...] = ()
        self._absent: set[str] = set()
        if not 0 <= valid_share < 1:
            raise ConfigError(
                f"{self._where}: valid_share = {valid_share}; set it to 0 or more, below 1"
            )
        self._check_splits()

    @cached_property
    def root(self) -> Path:
        """Folder that all paths are relative to.

        Raises:
            CorpusError: the corpus is not where the user says.
        """
        folders = [*(part.folder for part in self._layout_parts()), *self.beside]
        return find_root(self._given, folders, release=self.release, corpus=self.name)

    @property
    def expected_counts(self) -> Mapping[str, int]:
        """How many audio files each part of the release has, where that is known."""
        parts = self._layout_parts()
        return {part.name: part.files for part in parts if part.files is not None}

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by path; the first call reads their headers.

        Raises:
            CorpusError: the corpus is missing, incomplete, or not laid out as it was published.
        """
        if not self._recordings:
            self._recordings = self._with_headers(self.entries())
        return self._recordings

    def entries(self) -> Sequence[Entry]:
        """All files with split and group, sorted by path; no header is read.

        Raises:
            CorpusError: the corpus is missing, incomplete, or not laid out as it was published.
        """
        entries = [entry for part in self._wanted() for entry in self._complete(part)]
        chosen = [entry for entry in self._arrange(entries) if self._chosen(entry.split)]
        return sorted(chosen, key=lambda entry: entry.path)

    def absent(self) -> tuple[str, ...]:
        """Files that were looked for so far, are not there, and were left out; sorted."""
        return tuple(sorted(self._absent))

    def split_of(self, path: str) -> str | None:
        """The split of a file, if its folder tells it: that of a part with one split."""
        inside = [p for p in self._layout_parts() if path.startswith(f"{p.folder}/")]
        splits = {split for part in inside for split in part.splits}
        return splits.pop() if len(splits) == 1 else None

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        """Mono samples [T] of a stretch of one file, and its rate in Hz.

        Raises:
            AudioError: the file is missing, outside the root, corrupt, empty, shorter than asked,
                not finite, or of several channels while `channel` is not set.
        """
        return self._files.read(path, start, frames)

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of a file.

        Raises:
            AudioError: the file cannot be read.
        """
        return self._files.digest(path)

    def problems(self) -> tuple[str, ...]:
        """How this copy differs from the release, one line each; no header is read.

        Raises:
            CorpusError: the corpus is not there, or its metadata cannot be read.
        """
        return tuple(line for part in self._parts_here() for line in self._problems_of(part))

    @abstractmethod
    def _list(self, part: Part) -> Sequence[Entry]:
        """The files of a part that is there, with paths relative to the root.

        Raises:
            CorpusError: its metadata cannot be read.
        """

    def _layout_parts(self) -> tuple[Part, ...]:
        """All parts that the corpus can have; a subclass with options in its paths overrides it."""
        return self.parts

    def _parts_here(self) -> tuple[Part, ...]:
        """The parts of a complete copy; a corpus that comes in several layouts overrides it."""
        return self._layout_parts()

    def _arrange(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """The files that the options keep, with their final splits."""
        if self._valid_share and entries:
            return hold_out(entries, self._valid_share, where=self._where)
        return entries

    def _table(self, path: str) -> Table:
        """A metadata file of the corpus.

        Raises:
            CorpusError: it is missing or not a table.
        """
        if not (self.root / path).is_file():
            raise CorpusError(
                f"{self._where}: {str(self.root / path)!r} is missing; it comes with "
                f"{self.release.title}, from {self.release.source}"
            )
        return read_table(self.root / path)

    def _found(self, folder: str, suffixes: Sequence[str] = (".wav",)) -> Iterator[str]:
        """Paths, relative to the root, of the visible files in a folder and the folders below."""
        for parent, folders, files in os.walk(self.root / folder, onerror=_refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = Path(parent).relative_to(self.root)
            for name in files:
                if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                    yield (inside / name).as_posix()

    @cached_property
    def _files(self) -> AudioTree:
        return AudioTree(self.root, where=self._where, channel=self._channel)

    def _check_splits(self) -> None:
        known = {split for part in self._layout_parts() for split in part.splits}
        for split in self._splits or ():
            if split not in known:
                raise ConfigError(f"{self._where}: no split {split!r}{suggest(split, known)}")
        if self._splits == ():
            raise ConfigError(f"{self._where}: `splits` is empty; name one or leave it out")

    def _chosen(self, split: str) -> bool:
        return self._splits is None or split in self._splits

    def _wanted(self) -> list[Part]:
        """The parts to read: those that are there and may hold a chosen split."""
        able = [part for part in self._parts_here() if any(map(self._chosen, part.splits))]
        there = [part for part in able if (self.root / part.folder).is_dir()]
        if not there:
            looked_for = " and no ".join(part.folder for part in able)
            raise CorpusError(
                f"{self._where}: {str(self.root)!r} has no {looked_for}; get it from "
                f"{self.release.source}"
            )
        return there

    def _complete(self, part: Part) -> Sequence[Entry]:
        """The files of a part, all of which are there.

        Raises:
            CorpusError: files are missing, or listed twice.
        """
        listed = self._list(part)
        twice = [path for path, n in Counter(entry.path for entry in listed).items() if n > 1]
        if twice:
            raise CorpusError(
                f"{self._where}: the metadata of {part.folder} lists {twice[0]!r} twice; get it "
                f"again from {self.release.source}"
            )
        missing = self._missing(listed)
        if missing and not self._allow_missing:
            raise CorpusError(
                f"{self._where}: {_lacking(part, missing, len(listed))}; complete the corpus from "
                f"{self.release.source}, or leave them out with --allow-missing"
            )
        gone = set(missing)
        self._absent |= gone
        return [entry for entry in listed if entry.path not in gone]

    def _missing(self, entries: Sequence[Entry]) -> list[str]:
        return [e.path for e in entries if not locate(self.root, e.path).is_file()]

    def _problems_of(self, part: Part) -> Iterator[str]:
        if not (self.root / part.folder).is_dir():
            files = "" if part.files is None else f" ({part.files} files)"
            yield f"{self._where}: {part.folder}{files} is not there"
            return
        listed = self._list(part)
        if missing := self._missing(listed):
            yield f"{self._where}: {_lacking(part, missing, len(listed))}"
        if part.files not in {None, len(listed)}:
            yield (
                f"{self._where}: {part.folder} has {len(listed)} files, {self.release.title} has "
                f"{part.files}"
            )

    def _with_headers(self, entries: Sequence[Entry]) -> tuple[Recording, ...]:
        if not entries:
            raise CorpusError(
                f"{self._where}: no recording is left in {str(self.root)!r}; relax its options"
            )
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


def _lacking(part: Part, missing: Sequence[str], listed: int) -> str:
    return (
        f"{len(missing)} of the {listed} files of {part.folder} are missing, the first is "
        f"{missing[0]!r}"
    )


def _refuse(error: OSError) -> NoReturn:
    raise CorpusError(
        f"cannot list the folder {str(error.filename)!r}: {error.strerror}; correct its permissions"
    ) from None
