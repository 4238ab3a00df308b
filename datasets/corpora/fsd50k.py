"""FSD50K: 51,197 Freesound clips of 200 classes of a hierarchy (Fonseca et al., 2022)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from ...core.errors import CorpusError
from ..protocols.corpus import CORPORA
from .disk.csv_table import refuse_repeated
from .disk.disk_corpus import DiskCorpus, Splits
from .disk.file_entries import FileEntry
from .disk.layout import Release, ReleasePart

_TRUTH = "FSD50K.ground_truth"
_META = "FSD50K.metadata"
_SPLITS = {"train": "train", "val": "valid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledClip:
    """Ground truth of one clip.

    Attributes:
        fname: its Freesound id, which is the stem of its file name.
        labels: all its labels, smeared: ancestors are among them.
        leaves: those labels that are no ancestor of another of them, in the same order.
    """

    fname: str
    labels: tuple[str, ...]
    leaves: tuple[str, ...]
    split: str


class _ClipInfo(BaseModel):
    """One clip in the metadata; the other keys are of no use here."""

    uploader: str


@CORPORA.register("fsd50k")
class Fsd50k(DiskCorpus):
    """FSD50K as Zenodo has it: dev in splits "train" and "valid", eval as "test".

    The label of a clip is the first of its most specific labels. The table lists labels smeared to their ancestors, and
    an ancestor may stand before a label below it; the hierarchy is derived from the ground truth of both parts, so it
    does not depend on which audio exists. The group of a clip is its uploader if `FSD50K.metadata` exists, else the
    clip itself.

    Args:
        labels: "leaf" leaves out clips whose label has classes below it (a "Guitar" that is neither labelled acoustic
            nor electric); "all" includes them.
        single: only clips with one most specific label, so nothing else is known to sound.
    """

    release = Release(title="FSD50K 1.0", source="Zenodo record 4060432 (https://zenodo.org/records/4060432)")
    parts = (
        ReleasePart(name="dev", folder="FSD50K.dev_audio", splits=("train", "valid"), files=40_966),
        ReleasePart(name="eval", folder="FSD50K.eval_audio", splits=("test",), files=10_231),
    )
    other_folders = (_TRUTH, _META)
    version = "1.0"
    licence = "CC-BY-4.0; clips CC0, CC-BY, CC-BY-NC or CC Sampling+, see its metadata"

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        labels: Literal["leaf", "all"] = "all",
        single: bool = False,
        splits: Splits = None,
        allow_missing: bool = False,
    ) -> None:
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)
        self._labels = labels
        self._single = single

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """The classes, as `vocabulary.csv` lists them (200 in the release)."""
        table = self._table(f"{_TRUTH}/vocabulary.csv")
        if len(table.header) != 3:
            raise CorpusError(
                f"{self._where}: {str(table.path)!r} has {len(table.header)} columns, not 3 "
                f"(index, label, mid); get {_TRUTH} again"
            )
        # The file has no header: its first line is a class too.
        rows = zip((1, *table.lines), (table.header, *table.rows), strict=True)
        refuse_repeated(table.path, ((line, row[1]) for line, row in rows), what="label")
        return tuple(row[1] for row in (table.header, *table.rows))

    @cached_property
    def ground_truth(self) -> tuple[LabelledClip, ...]:
        """The labels of all clips, dev first; does not need the audio; CorpusError if a table is missing or wrong."""
        return tuple(
            LabelledClip(fname=fname, labels=labels, leaves=most_specific(labels, self._above), split=split)
            for fname, labels, split in self._rows
        )

    @cached_property
    def uploaders(self) -> Mapping[str, str]:
        """Uploader of each clip by `fname`; empty if `FSD50K.metadata` is missing."""
        files = [self.root / _META / f"{part.name}_clips_info_FSD50K.json" for part in self.parts]
        read = (self._uploaders(file) for file in files if file.is_file())
        return {fname: uploader for uploaders in read for fname, uploader in uploaders.items()}

    def problems(self) -> tuple[str, ...]:
        """As `DiskCorpus.problems`, and the number of uploaders in several splits."""
        lines = list(super().problems())
        splits: dict[str, set[str]] = {}
        for part in self.parts:
            for entry in self._list(part):
                splits.setdefault(entry.group, set()).add(entry.split)
        shared = sum(len(names) > 1 for names in splits.values())
        if shared:
            lines.append(f"{self._where}: {shared} of {len(splits)} uploaders are in several splits")
        if not (self.root / _META).is_dir():
            lines.append(f"{self._where}: {_META} is not there, so uploaders are not known")
        return tuple(lines)

    @cached_property
    def _above(self) -> Mapping[str, frozenset[str]]:
        """The classes above each class."""
        return ancestors([labels for _, labels, _ in self._rows])

    @cached_property
    def _rows(self) -> list[tuple[str, tuple[str, ...], str]]:
        """Name, labels and split of each clip of both parts."""
        return [row for part in self.parts for row in self._rows_of(part)]

    def _rows_of(self, part: ReleasePart) -> list[tuple[str, tuple[str, ...], str]]:
        table = self._table(f"{_TRUTH}/{part.name}.csv")
        splits: Sequence[str] = ["test"] * len(table.rows)
        if part.name == "dev":
            splits = [self._split(cell) for cell in table.full_column("split")]
        table.key_column("fname")
        known = set(self.vocabulary)
        rows = []
        for (fname, cell), split in zip(table.full_rows("fname", "labels"), splits, strict=True):
            clip_labels = tuple(label.strip() for label in cell.split(","))
            if not known.issuperset(clip_labels):
                raise CorpusError(
                    f"{self._where}: clip {fname} of {table.path.name} has labels {cell!r}, which "
                    f"are not all in vocabulary.csv; get {_TRUTH} again"
                )
            rows.append((fname, clip_labels, split))
        return rows

    def _split(self, cell: str) -> str:
        if cell not in _SPLITS:
            raise CorpusError(
                f"{self._where}: split {cell!r} in dev.csv, where train and val are allowed; get {_TRUTH} again"
            )
        return _SPLITS[cell]

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        clips = [clip for clip in self.ground_truth if clip.split in part.splits]
        files = [(clip, f"{part.folder}/{clip.fname}.wav") for clip in clips]
        return [
            FileEntry(path=path, label=clip.leaves[0], split=clip.split, group=self.uploaders.get(clip.fname, path))
            for clip, path in files
        ]

    def _arrange(self, part: ReleasePart, entries: Sequence[FileEntry]) -> Sequence[FileEntry]:
        parents = {label for labels in self._above.values() for label in labels}
        leaves = {f"{clip.fname}.wav": clip.leaves for clip in self.ground_truth}
        return [
            entry
            for entry in super()._arrange(part, entries)
            if (self._labels == "all" or entry.label not in parents)
            and not (self._single and len(leaves[PurePosixPath(entry.path).name]) > 1)
        ]

    def _uploaders(self, file: Path) -> Mapping[str, str]:
        try:
            clips = TypeAdapter(dict[str, _ClipInfo]).validate_json(file.read_bytes())
        except (OSError, ValidationError):
            raise CorpusError(
                f"{self._where}: {str(file)!r} does not give the uploader of each clip; get "
                f"{_META} again from {self.release.source}"
            ) from None
        return {fname: clip.uploader for fname, clip in clips.items()}


def ancestors(rows: Sequence[Sequence[str]]) -> Mapping[str, frozenset[str]]:
    """The classes above each class, from the labels of each clip, in their order.

    Where labels are smeared, every clip of a class has all classes above it. So b is above a if each clip with a has b.
    Of two classes that always occur together, such as a class and its only child, the one that more often follows the
    other is above, since ancestors are appended.
    """
    always: dict[str, frozenset[str]] = {}
    for row in rows:
        labels = frozenset(row)
        for label in labels:
            always[label] = always.get(label, labels) & labels
    ahead = _ahead(rows, always)
    return {
        a: frozenset(b for b in together if b != a and (a not in always[b] or ahead[a, b] > ahead[b, a]))
        for a, together in always.items()
    }


def most_specific(labels: Sequence[str], above: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Those labels of a clip that are not above another of its labels, in their order."""
    covered = {ancestor for label in labels for ancestor in above[label]}
    return tuple(label for label in labels if label not in covered)


def _ahead(rows: Sequence[Sequence[str]], always: Mapping[str, frozenset[str]]) -> Counter[tuple[str, str]]:
    """Number of rows in which a precedes b, for pairs (a, b) that always occur together."""
    ahead: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for place, a in enumerate(row):
            ahead.update((a, b) for b in row[place + 1 :] if b in always[a] and a in always[b])
    return ahead
