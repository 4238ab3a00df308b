"""What published corpora on disk share: parts, splits, what is missing, headers, reading."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar, NoReturn

from ....core.errors import ConfigError, CorpusError, suggest
from .audio_tree import Channel
from .folder_listing import Entry, hold_out
from .layout import Part, Release, find_root
from .listed import Batch, ListedCorpus, lacking_of
from .table import Table, read_table


class DiskCorpus(ListedCorpus):
    """A published corpus on disk; a subclass names its parts and lists the files of each.

    A part whose folder is not there is left out.

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
        super().__init__(name=name, channel=channel, allow_missing=allow_missing)
        self._given = Path(root)
        self._splits = splits
        self._valid_share = valid_share
        self._read_parts: dict[str, Batch] = {}
        if not 0 <= valid_share < 1:
            raise ConfigError(f"{self._where}: valid_share = {valid_share}; set it to 0 or more, below 1")
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

    def split_of(self, path: str) -> str | None:
        """The split of a file, if its folder tells it: that of a part with one split."""
        inside = [p for p in self._layout_parts() if path.startswith(f"{p.folder}/")]
        splits = {split for part in inside for split in part.splits}
        return splits.pop() if len(splits) == 1 else None

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

    def _arrange(self, part: Part, entries: Sequence[Entry]) -> Sequence[Entry]:
        """The files of a part that the options keep, with their final splits."""
        if self._valid_share and entries and {"train", "valid"} & {*part.splits}:
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

    def _check_splits(self) -> None:
        known = {split for part in self._layout_parts() for split in part.splits}
        for split in self._splits or ():
            if split not in known:
                raise ConfigError(f"{self._where}: no split {split!r}{suggest(split, known)}")
        if self._splits == ():
            raise ConfigError(f"{self._where}: `splits` is empty; name one or leave it out")

    def _chosen(self, split: str) -> bool:
        return self._splits is None or split in self._splits

    def _may_hold(self, part: Part, split: str | None) -> bool:
        """May a part have files of a split, or of any that is chosen?"""
        asked = part.splits if split is None else (split,)
        return any(one in part.splits and self._chosen(one) for one in asked)

    def _wanted(self, split: str | None = None) -> list[Part]:
        """The parts to read: those that are there and may hold a split, or any chosen one.

        Raises:
            CorpusError: none of them is there.
        """
        able = [part for part in self._parts_here() if self._may_hold(part, split)]
        there = [part for part in able if (self.root / part.folder).is_dir()]
        if not there and (able or split is None):
            looked_for = " and no ".join(part.folder for part in able)
            raise CorpusError(
                f"{self._where}: {str(self.root)!r} has no {looked_for}; get it from {self.release.source}"
            )
        return there

    def _batches(self, split: str | None) -> list[Batch]:
        return [self._batch(part) for part in self._wanted(split)]

    def _holding(self, path: str) -> Iterator[Batch]:
        """The parts that were read already come first, so that no other folder is looked for."""
        yield from tuple(self._read_parts.values())
        for part in self._wanted():
            if PurePosixPath(path).is_relative_to(part.folder):
                yield self._batch(part)

    def _batch(self, part: Part) -> Batch:
        """The files of a part that have chosen splits.

        Raises:
            CorpusError: its metadata cannot be read, or lists a file twice.
        """
        if part.folder not in self._read_parts:
            listed = self._list(part)
            twice = [path for path, n in Counter(e.path for e in listed).items() if n > 1]
            if twice:
                raise CorpusError(
                    f"{self._where}: the metadata of {part.folder} lists {twice[0]!r} twice; get "
                    f"it again from {self.release.source}"
                )
            arranged = self._arrange(part, listed)
            chosen = {entry.path: entry for entry in arranged if self._chosen(entry.split)}
            self._read_parts[part.folder] = Batch(
                title=f"of {part.folder}", entries=chosen, listed=len(listed), released=part.files
            )
        return self._read_parts[part.folder]

    def _cure(self) -> str:
        return f"complete the corpus from {self.release.source}"

    def _problems_of(self, part: Part) -> Iterator[str]:
        if not (self.root / part.folder).is_dir():
            files = "" if part.files is None else f" ({part.files} files)"
            yield f"{self._where}: {part.folder}{files} is not there"
            return
        listed = self._list(part)
        if missing := self._missing(listed):
            yield f"{self._where}: {lacking_of(f'of {part.folder}', missing, len(listed))}"
        if part.files not in {None, len(listed)}:
            yield (
                f"{self._where}: {part.folder} has {len(listed)} files, {self.release.title} has {part.files}"
            )


def _refuse(error: OSError) -> NoReturn:
    raise CorpusError(
        f"cannot list the folder {str(error.filename)!r}: {error.strerror}; correct its permissions"
    ) from None
