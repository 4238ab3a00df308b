"""Any folder of labelled audio: one folder for each label, or a CSV file that lists the files."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from ...core.errors import ConfigError, CorpusError
from ...core.file_tree import nfc, suffix_of
from ..missing import IncompleteCorpusError
from ..protocols.corpus import CORPORA, Recording
from ..signals.audio_kinds import AUDIO_SUFFIXES, UNREAD_SUFFIXES, how_to_read, unread
from ..transcripts import clean_text
from .disk.audio_tree import Channel
from .disk.csv_table import CsvTable, read_table, refuse_repeated
from .disk.file_entries import FileEntry, checked_share, hold_out, locate
from .disk.listed_corpus import ADVICE, ListedCorpus, Listing, lacking_files

TRANSCRIPTS = "transcripts.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Names of the columns of a metadata file; None where it has no such column."""

    path: str
    label: str
    split: str | None
    group: str | None
    text: str | None


@CORPORA.register("folder")
class FolderCorpus(ListedCorpus):
    """A user's own recordings.

    Without `metadata`, `<root>/<audio>/<label>/` holds the files of one label, and an optional file
    `<root>/transcripts.csv` with the columns path, speaker and text gives the transcripts and the labels of the files
    that it lists. Paths in a CSV file are relative to `<root>/<audio>`; hidden files, and files that are not audio, are
    ignored.

    Args:
        audio: folder of the audio files, relative to the root.
        metadata: CSV file that lists the files, relative to the root.
        path_column: column of the files' paths, relative to `audio`.
        label_column: column of the labels (speakers or sound classes).
        split_column: column of the splits; null: all files are of `default_split`.
        group_column: column of groups that must not be on both sides of a split (uploader, original file).
        text_column: column of the transcripts; null: none.
        splits: name of a split to values of the split column; files with other values are left out. Without it the
            values are the names.
        valid_share: share of the groups of "train" that becomes "valid", chosen by SHA-256; 0 or more, below 1.
        default_split: split of files whose list gives none.
        licence: of the recordings, for cards and reports.
        version: of the recordings, for cards; another version is another corpus.
        min_s: shortest recording; shorter ones are left out.
        allow_missing: leave out missing files that a CSV file lists.
    """

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        audio: str = ".",
        metadata: str | None = None,
        path_column: str = "path",
        label_column: str = "label",
        split_column: str | None = None,
        group_column: str | None = None,
        text_column: str | None = None,
        splits: dict[str, list[str]] | None = None,
        valid_share: float = 0.0,
        default_split: str = "test",
        channel: Channel = None,
        licence: str = "unknown",
        version: str = "unknown",
        min_s: float = 0.0,
        allow_missing: bool = False,
    ) -> None:
        super().__init__(name=name, allow_missing=allow_missing)
        self.channel = channel
        self._root = Path(root).expanduser().absolute()
        self.version = version
        self.licence = licence
        self._audio = posixpath.normpath(audio)
        self._metadata = metadata
        self._columns = _Columns(
            path=path_column, label=label_column, split=split_column, group=group_column, text=text_column
        )
        self._splits = splits
        self._default_split = default_split
        self._min_s = min_s
        self._check_options()
        self._valid_share = checked_share(valid_share, where=self._where)

    @property
    def root(self) -> Path:
        """Folder that all paths are relative to."""
        return self._root

    def problems(self) -> tuple[str, ...]:
        """The number of missing files that a CSV file lists; reads no header."""
        missing = self._missing(self._listing.entries.values())
        if not missing:
            return ()
        lacking = lacking_files(self._listing.title, self.root, missing, len(self._listing.entries))
        return (f"{self._where}: {lacking}",)

    def _listings(self, split: str | None) -> Sequence[Listing]:  # noqa: ARG002 - there is one list
        return (self._listing,)

    @cached_property
    def _listing(self) -> Listing:
        entries = {entry.path: entry for entry in self._entries()}
        table = self.root / (self._metadata or TRANSCRIPTS)
        return Listing(title=f"listed in {str(table)!r}", entries=entries)

    def _remedy(self) -> str:
        folder = str(self.root)
        return f"complete the corpus in {folder!r}, set `audio` to the folder that the paths are relative to"

    def _whole(self) -> tuple[Recording, ...]:
        long_enough = super()._whole()
        if not long_enough:
            raise CorpusError(
                f"{self._where}: none of the {len(self._listing.entries)} recordings in "
                f"{str(self.root)!r} is {self._min_s} s long; set `min_s` lower"
            )
        return long_enough

    def _with_headers(self, entries: Sequence[FileEntry]) -> tuple[Recording, ...]:
        every = super()._with_headers(entries)
        return tuple(r for r in every if r.frames >= self._min_s * r.sample_rate_hz)

    def _check_options(self) -> None:
        columns = self._columns
        if not self._metadata and (columns.split or columns.group or columns.text):
            raise ConfigError(f"{self._where}: columns are named without `metadata`; set it")
        if self._splits is not None and not columns.split:
            raise ConfigError(f"{self._where}: `splits` needs `split_column`; set it")
        values = [value for values in (self._splits or {}).values() for value in values]
        if self._splits is not None and not values:
            raise ConfigError(f"{self._where}: `splits` names no values; fill it in or leave it out")
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ConfigError(f"{self._where}: `splits` names {twice[0]!r} twice; name it once")

    def _entries(self) -> list[FileEntry]:
        """Files with their labels and splits, before their headers are read."""
        base = self.root / self._audio
        if not base.is_dir():
            problem = "is not a folder" if base.exists() else "does not exist"
            raise CorpusError(
                f"{self._where}: {str(base)!r} {problem}; set `root` (and `audio`) to the folder of the recordings"
            )
        if self._metadata:
            table = read_table(self.root / self._metadata)
            entries = _listed(self.root, self._audio, table, self._columns, self._default_split)
        else:
            entries = self._by_folder()
        if self._splits is not None:
            entries = _assign_splits(entries, self._splits, where=self._where)
        if self._valid_share:
            entries = hold_out(entries, self._valid_share, where=self._where)
        return entries

    def _by_folder(self) -> list[FileEntry]:
        """The audio files in the label folders, and those that `TRANSCRIPTS` lists, with its speakers and texts."""
        audio, split = self._audio, self._default_split
        depth = len(PurePosixPath(audio).parts)
        every = self._found(audio, AUDIO_SUFFIXES | UNREAD_SUFFIXES)
        inside = [path for path in every if len(PurePosixPath(path).parts) > depth + 1]
        files = [path for path in inside if suffix_of(path) in AUDIO_SUFFIXES]
        self._refuse_unread(unread(inside, read=files))
        if not files:
            raise CorpusError(
                f"{str(self.root / audio)!r} has no folders with audio files; make one folder for each label, "
                "as in dog/1.wav, or name a CSV file that lists the files as `metadata`"
            )
        entries = [FileEntry(path=p, label=PurePosixPath(p).parts[depth], split=split, group=p) for p in files]
        transcripts = self.root / TRANSCRIPTS
        return _with_transcripts(self.root, audio, transcripts, entries, split) if transcripts.exists() else entries

    def _refuse_unread(self, files: Sequence[str]) -> None:
        """Raise an error for audio of kinds that cannot be decoded, or count it as left out."""
        if files and not self._allow_missing:
            suffix = suffix_of(files[0])
            raise IncompleteCorpusError(
                f"{self._where}: {len(files)} files are of kinds that are not read, the first is {files[0]!r} "
                f"({suffix}); {how_to_read(suffix)}{ADVICE}",
                len(files),
            )
        self._absent.update(files)


def _listed(root: Path, audio: str, table: CsvTable, columns: _Columns, default: str) -> list[FileEntry]:
    """The files that a metadata file lists."""
    paths = _paths(root, audio, table, columns.path)
    blank = ("",) * len(paths)
    labels = table.full_column(columns.label, option="label_column")
    groups = table.column(columns.group, option="group_column") if columns.group else blank
    texts = table.column(columns.text, option="text_column") if columns.text else blank
    splits: Sequence[str] = [default] * len(paths)
    if columns.split:
        splits = table.full_column(columns.split, option="split_column")
    return [
        FileEntry(path=path, label=nfc(label), split=split, group=nfc(group) or path, transcript=clean_text(text))
        for path, label, split, group, text in zip(paths, labels, splits, groups, texts, strict=True)
    ]


def _with_transcripts(root: Path, audio: str, file: Path, entries: list[FileEntry], default: str) -> list[FileEntry]:
    table = read_table(file)
    paths = _paths(root, audio, table, "path")
    speakers = [nfc(cell) for cell in table.full_column("speaker", option="metadata")]
    texts = table.column("text", option="metadata")
    known = {entry.path: entry for entry in entries}
    for path, speaker, text in zip(paths, speakers, texts, strict=True):
        if path in known or not locate(root, path).is_file():
            known[path] = FileEntry(path=path, label=speaker, split=default, group=path, transcript=clean_text(text))
    return list(known.values())


def _paths(root: Path, audio: str, table: CsvTable, column: str) -> list[str]:
    """Paths of a table relative to the root; every one is inside, and occurs once."""
    cells = table.full_column(column, option="path_column")
    for cell in cells:
        if PurePosixPath(cell).is_absolute():
            locate(root, cell)
    paths = [nfc(posixpath.normpath(posixpath.join(audio, cell))) for cell in cells]
    refuse_repeated(table.path, zip(table.lines, paths, strict=True), what=column)
    for path in paths:
        locate(root, path)
    return paths


def _assign_splits(entries: Sequence[FileEntry], splits: Mapping[str, Sequence[str]], *, where: str) -> list[FileEntry]:
    """Name splits as the option `splits` says; files whose value it does not name are left out."""
    values = {entry.split for entry in entries}
    names = {value: split for split, values_ in splits.items() for value in values_}
    absent = sorted(set(names) - values)
    if absent:
        raise CorpusError(
            f"{where}: `splits` names {absent[0]!r} for {names[absent[0]]!r}, but the split column "
            f"holds only {', '.join(sorted(values))}; correct `splits`"
        )
    return [replace(e, split=names[e.split]) for e in entries if e.split in names]
