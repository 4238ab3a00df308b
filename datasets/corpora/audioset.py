"""A user's own AudioSet clips, defined by a list, since AudioSet distributes no audio."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...core.errors import AudioError, CorpusError
from ...core.file_tree import nfc
from ..protocols.corpus import CORPORA
from .disk.audio_tree import Channel
from .disk.csv_table import refuse_repeated
from .disk.disk_corpus import DiskCorpus, Splits, ValidShare
from .disk.file_entries import FileEntry, checked_share
from .disk.layout import Release, ReleasePart

_SPLITS = ("train", "valid", "test")  # of most lists; one may have others
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _ListedClip:
    """One row of the list."""

    labels: tuple[str, ...]
    sha256: str
    split: str
    group: str


@CORPORA.register("audioset")
class AudioSet(DiskCorpus):
    """Clips that a CSV file lists, each with its SHA-256, so that two users have the same corpus.

    The columns are `path` (relative to the root), `labels` (separated by `;`, the first is the label of the clip),
    `sha256`, and optionally `split` (default "test") and `group` (must not be on both sides of a split; default the
    path).

    Args:
        metadata: CSV file that lists the clips, relative to the root.
        single: only clips with one label.
    """

    release = Release(title="AudioSet list", source="whoever made the list (AudioSet distributes no audio)")
    version = "user's list"
    licence = "labels CC-BY-4.0; clips: that of each video"

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        metadata: str = "audioset.csv",
        single: bool = False,
        channel: Channel = "mean",
        valid_share: ValidShare = 0.0,
        splits: Splits = None,
        allow_missing: bool = False,
    ) -> None:
        self._metadata = metadata
        self._single = single
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)
        self._valid_share = checked_share(valid_share, where=self._where)
        self.channel = channel

    @cached_property
    def root(self) -> Path:
        """Folder that all paths are relative to."""
        return self._given.expanduser().absolute()

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of a file; raises an AudioError if the list has another one."""
        digest = super().digest(path)
        listed = self._clips[path].sha256 if path in self._clips else "nothing of it"
        if digest != listed:
            raise AudioError(
                f"{self._where}: {path!r} has SHA-256 {digest}, but {self._metadata} says "
                f"{listed}; get the listed file, or correct the list"
            )
        return digest

    def problems(self) -> tuple[str, ...]:
        """Clips that are missing or have another SHA-256 than listed; reads all files."""
        lines = list(super().problems())
        for path in self._clips:
            if (self.root / path).is_file():
                try:
                    self.digest(path)
                except AudioError as error:
                    lines.append(str(error))
        return tuple(lines)

    @cached_property
    def _clips(self) -> Mapping[str, _ListedClip]:
        """The rows of the list by path."""
        table = self._table(self._metadata)
        cells = table.full_column("path", option="metadata")
        paths = [nfc(posixpath.normpath(cell)) for cell in cells]
        refuse_repeated(table.path, zip(table.lines, paths, strict=True), what="path")
        rows = table.full_rows("labels", "sha256", option="metadata")
        blank = ("",) * len(table.rows)
        splits, groups = (table.column(n) if n in table.header else blank for n in ("split", "group"))
        clips: dict[str, _ListedClip] = {}
        for path, (text, sha256), split, group, line in zip(paths, rows, splits, groups, table.lines, strict=True):
            labels = tuple(label.strip() for label in text.split(";") if label.strip())
            if not _SHA256.fullmatch(sha256.lower()) or not labels:
                raise CorpusError(
                    f"{str(table.path)!r}, line {line}: {path!r} has no label, or {sha256!r} "
                    f" is not a SHA-256 of 64 hex digits; correct the line"
                )
            clips[path] = _ListedClip(labels=labels, sha256=sha256.lower(), split=split or "test", group=group or path)
        return clips

    def _layout_parts(self) -> tuple[ReleasePart, ...]:
        return (ReleasePart(name="list", folder=".", splits=self._splits or _SPLITS),)

    def _may_hold(self, part: ReleasePart, split: str | None) -> bool:  # noqa: ARG002 - its list says
        return split is None or self._chosen(split)

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:  # noqa: ARG002 - there is one part
        return [
            FileEntry(path=path, label=clip.labels[0], split=clip.split, group=clip.group)
            for path, clip in self._clips.items()
        ]

    def _arrange(self, part: ReleasePart, entries: Sequence[FileEntry]) -> Sequence[FileEntry]:
        arranged = super()._arrange(part, entries)
        return [e for e in arranged if not self._single or len(self._clips[e.path].labels) == 1]
