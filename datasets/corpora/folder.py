"""Any folder of labelled audio: one folder for each label, or a CSV file that lists the files."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ...core.errors import ConfigError, CorpusError
from ..protocols.corpus import CORPORA, Recording
from .disk.audio_tree import Channel
from .disk.folder_listing import TRANSCRIPTS, Columns, Entry, assign_splits, found, hold_out, listed
from .disk.listed import Batch, ListedCorpus, lacking_of
from .disk.table import read_table


@CORPORA.register("folder")
class FolderCorpus(ListedCorpus):
    """A user's own recordings.

    Without `metadata`, `<root>/<audio>/<label>/` holds the files of one label, and a file
    `<root>/transcripts.csv` with the columns path, speaker and text, if there is one, gives the
    transcripts and the labels of the files that it lists. Paths in a CSV file are relative to
    `<root>/<audio>`; hidden files, and files that are not audio, are ignored.

    Args:
        name: what datasets call the corpus.
        root: folder of the corpus.
        audio: folder of the audio files, relative to the root.
        metadata: CSV file that lists the files, relative to the root.
        path_column: column of the paths.
        label_column: column of the labels (speaker or sound class).
        split_column: column of the splits; all files are of `default_split` without one.
        group_column: column of what must not be on both sides of a split (uploader, original file).
        text_column: column of the transcripts.
        splits: name of a split to values of the split column; files with other values are left
            out. Without it the values are the names.
        valid_share: this share of the groups of "train" becomes "valid", chosen by SHA-256.
        default_split: see `split_column`.
        channel: channel to read of files with several, or "mean"; None refuses such files.
        licence: of the recordings.
        version: of the corpus.
        min_s: shorter recordings are left out.
        allow_missing: leave out files that a CSV file lists and that are not there.

    Raises:
        ConfigError: options contradict each other.
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
        super().__init__(name=name, channel=channel, allow_missing=allow_missing)
        self._root = Path(root).expanduser().absolute()
        self.version = version
        self.licence = licence
        self._audio = posixpath.normpath(audio)
        self._metadata = metadata
        self._columns = Columns(
            path=path_column, label=label_column, split=split_column, group=group_column, text=text_column
        )
        self._splits = splits
        self._valid_share = valid_share
        self._default_split = default_split
        self._min_s = min_s
        self._check_options()

    @property
    def root(self) -> Path:
        """Folder that all paths are relative to."""
        return self._root

    def problems(self) -> tuple[str, ...]:
        """What is missing of a folder that a CSV file lists; no header is read.

        Raises:
            CorpusError: the folder, or its metadata, is not as described above.
        """
        missing = self._missing(self._listing.entries.values())
        if not missing:
            return ()
        lacking = lacking_of(self._listing.title, missing, len(self._listing.entries))
        return (f"{self._where}: {lacking}",)

    def _batches(self, split: str | None) -> Sequence[Batch]:  # noqa: ARG002 - there is one list
        return (self._listing,)

    @cached_property
    def _listing(self) -> Batch:
        entries = {entry.path: entry for entry in self._entries()}
        table = self.root / (self._metadata or TRANSCRIPTS)
        return Batch(title=f"listed in {str(table)!r}", entries=entries)

    def _cure(self) -> str:
        cure = f"complete the corpus in {str(self.root)!r}"
        return f"{cure}, set `audio` to the folder that the paths are relative to"

    def _whole(self) -> tuple[Recording, ...]:
        kept = super()._whole()
        if not kept:
            raise CorpusError(
                f"{self._where}: none of the {len(self._listing.entries)} recordings in "
                f"{str(self.root)!r} is {self._min_s} s long; set `min_s` lower"
            )
        return kept

    def _with_headers(self, entries: Sequence[Entry]) -> tuple[Recording, ...]:
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
        if not 0 <= self._valid_share < 1:
            raise ConfigError(
                f"{self._where}: valid_share = {self._valid_share}; set it to 0 or more, below 1"
            )

    def _entries(self) -> list[Entry]:
        """Files with their labels and splits, before their headers are read."""
        base = self.root / self._audio
        if not base.is_dir():
            problem = "is not a folder" if base.exists() else "does not exist"
            raise CorpusError(
                f"{self._where}: {str(base)!r} {problem}; set `root` (and `audio`) to the folder "
                "of the recordings"
            )
        if self._metadata:
            table = read_table(self.root / self._metadata)
            entries = listed(self.root, self._audio, table, self._columns, self._default_split)
        else:
            entries = found(self.root, self._audio, self._default_split)
        if self._splits is not None:
            entries = assign_splits(entries, self._splits, where=self._where)
        if self._valid_share:
            entries = hold_out(entries, self._valid_share, where=self._where)
        return entries
