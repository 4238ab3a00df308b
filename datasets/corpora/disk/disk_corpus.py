"""Published corpora on disk: parts, splits, missing files, differences from the release."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar

from pydantic import Field

from ....core.errors import ConfigError, CorpusError, suggest
from ...missing import IncompleteCorpusError
from .csv_table import CsvTable, read_table
from .file_entries import FileEntry, hold_out
from .layout import Release, ReleasePart, find_root
from .listed_corpus import ListedCorpus, Listing, lacking_files

Splits = Annotated[
    tuple[str, ...] | None,
    Field(description="only these splits; the headers of the other files are not read. null: all"),
]

ValidShare = Annotated[
    float, Field(ge=0, lt=1, description='share of the groups of "train" that becomes "valid", chosen by SHA-256')
]


class DiskCorpus(ListedCorpus):
    """A published corpus on disk; a subclass names its parts and lists the files of each.

    A part whose folder is missing is left out.

    Args:
        root: folder of the corpus, the one above it, or one of its own folders.
        allow_missing: leave out missing and unreadable files instead of raising an error.
    """

    release: ClassVar[Release]
    parts: ClassVar[tuple[ReleasePart, ...]] = ()
    other_folders: ClassVar[tuple[str, ...]] = ()
    """Folders of the corpus that hold no recordings, such as metadata."""
    version: str = "unknown"
    licence: str = "unknown"

    def __init__(self, *, name: str, root: Path, splits: Splits = None, allow_missing: bool = False) -> None:
        super().__init__(name=name, allow_missing=allow_missing)
        self._given = Path(root)
        self._splits = splits
        self._valid_share = 0.0
        self._read_parts: dict[str, Listing] = {}
        known = {split for part in self._layout_parts() for split in part.splits}
        for split in splits or ():
            if split not in known:
                raise ConfigError(f"{self._where}: no split {split!r}{suggest(split, known)}")
        if splits == ():
            raise ConfigError(f"{self._where}: `splits` is empty; name one or leave it out")

    @cached_property
    def root(self) -> Path:
        """Folder that all paths are relative to; CorpusError if the corpus is not in the given folder."""
        folders = [*(part.folder for part in self._layout_parts()), *self.other_folders]
        return find_root(self._given, folders, release=self.release, corpus=self.name)

    def split_of(self, path: str) -> str | None:
        """The split of a file if it is in a part with one split."""
        inside = [p for p in self._layout_parts() if path.startswith(f"{p.folder}/")]
        splits = {split for part in inside for split in part.splits}
        return splits.pop() if len(splits) == 1 else None

    def problems(self) -> tuple[str, ...]:
        """Differences between this copy and the release, one line each; reads no header."""
        return tuple(line for part in self._parts_here() for line in self._problems_of(part))

    @abstractmethod
    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        """The files of an existing part, with paths relative to the root."""

    def _layout_parts(self) -> tuple[ReleasePart, ...]:
        """All parts that the corpus can have; a subclass with options in its paths overrides it."""
        return self.parts

    def _parts_here(self) -> tuple[ReleasePart, ...]:
        """The parts of a complete copy; a corpus that comes in several layouts overrides it."""
        return self._layout_parts()

    def _arrange(self, part: ReleasePart, entries: Sequence[FileEntry]) -> Sequence[FileEntry]:
        """The files of a part that the options select, with their final splits."""
        if self._valid_share and entries and {"train", "valid"} & {*part.splits}:
            return hold_out(entries, self._valid_share, where=self._where)
        return entries

    def _table(self, path: str) -> CsvTable:
        """A metadata file of the corpus."""
        if not (self.root / path).is_file():
            raise CorpusError(
                f"{self._where}: {str(self.root / path)!r} is missing; it comes with "
                f"{self.release.title}, from {self.release.source}"
            )
        return read_table(self.root / path)

    def _chosen(self, split: str) -> bool:
        return self._splits is None or split in self._splits

    def _may_hold(self, part: ReleasePart, split: str | None) -> bool:
        """Whether a part may have files of a split (None: of any chosen one)."""
        asked = part.splits if split is None else (split,)
        return any(one in part.splits and self._chosen(one) for one in asked)

    def _wanted(self, split: str | None = None) -> list[ReleasePart]:
        """The existing parts that may hold a split (None: any chosen one)."""
        able = [part for part in self._parts_here() if self._may_hold(part, split)]
        existing = [part for part in able if (self.root / part.folder).is_dir()]
        if not existing and (able or split is None):
            looked_for = " and no ".join(part.folder for part in able)
            raise CorpusError(
                f"{self._where}: {str(self.root)!r} has no {looked_for}; get it from {self.release.source}"
            )
        return existing

    def _listings(self, split: str | None) -> list[Listing]:
        return [self._listing(part) for part in self._wanted(split)]

    def _listings_with(self, path: str) -> Iterator[Listing]:
        # Parts that were read already come first, so that no other folder is looked for.
        yield from tuple(self._read_parts.values())
        for part in self._wanted():
            if PurePosixPath(path).is_relative_to(part.folder):
                yield self._listing(part)

    def _listing(self, part: ReleasePart) -> Listing:
        """The files of a part that have chosen splits."""
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
            self._read_parts[part.folder] = Listing(
                title=f"of {part.folder}", entries=chosen, listed=len(listed), released=part.files
            )
        return self._read_parts[part.folder]

    def _remedy(self) -> str:
        return f"complete the corpus from {self.release.source}"

    def _problems_of(self, part: ReleasePart) -> Iterator[str]:
        if not (self.root / part.folder).is_dir():
            files = "" if part.files is None else f" ({part.files} files)"
            yield f"{self._where}: {part.folder}{files} is not there"
            return
        try:
            listed = self._list(part)
        except IncompleteCorpusError as error:
            yield str(error)
            return
        if missing := self._missing(listed):
            yield f"{self._where}: {lacking_files(f'of {part.folder}', self.root, missing, len(listed))}"
        if part.files not in {None, len(listed)}:
            title = self.release.title
            yield f"{self._where}: {part.folder} has {len(listed)} files, {title} has {part.files}"
