"""TAU Urban Acoustic Scenes 2019: 10 s of ten city scenes, binaural (Mesaros et al., 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..protocols.corpus import CORPORA
from .disk.audio_tree import Channel
from .disk.disk_corpus import DiskCorpus, Splits, ValidShare
from .disk.file_entries import FileEntry, checked_share
from .disk.layout import Release, ReleasePart

_DEV = "TAU-urban-acoustic-scenes-2019-development"
_EVAL = "TAU-urban-acoustic-scenes-2019-evaluation"
UNLABELLED = "unlabelled"
"""Label of the evaluation files: their scenes were never published."""


@CORPORA.register("tau2019")
class Tau2019(DiskCorpus):
    """TAU Urban Acoustic Scenes 2019, development and evaluation set.

    The label is the scene and the group is the recording location. The development set is split as its own setup does
    (fold 1): "train" 9,185, "valid" 4,185 and "unused" 1,030 files, or by `valid_share` of its locations. The
    evaluation set is "test"; it was published without scenes and locations, so its label is "unlabelled" and each file
    is a group, unless it has a `meta.csv` like the development set.

    Args:
        channel: 0 (left ear), 1 or "mean".
        valid_share: this share of the locations of the whole development set becomes "valid", the others "train". null:
            the official setup.
    """

    release = Release(
        title="TAU Urban Acoustic Scenes 2019", source="Zenodo records 2589280 (development) and 3063822 (evaluation)"
    )
    parts = (
        ReleasePart(name="development", folder=f"{_DEV}/audio", splits=("train", "valid", "unused"), files=14_400),
        ReleasePart(name="evaluation", folder=f"{_EVAL}/audio", splits=("test",), files=7_200),
    )
    version = "2019"
    licence = "Tampere University: non-commercial, academic use"

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        channel: Channel = "mean",
        valid_share: ValidShare | None = None,
        splits: Splits = None,
        allow_missing: bool = False,
    ) -> None:
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)
        self._valid_share = checked_share(valid_share or 0.0, where=self._where)
        self.channel = channel
        self._official = valid_share is None

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        if part.name == "development":
            return self._labelled(_DEV, split="train")
        if (self.root / _EVAL / "meta.csv").is_file():
            return self._labelled(_EVAL, split="test")
        table = self._table(f"{_EVAL}/evaluation_setup/test.csv")
        paths = [f"{_EVAL}/{cell}" for cell in table.key_column("filename")]
        return [FileEntry(path=p, label=UNLABELLED, split="test", group=p) for p in paths]

    def _labelled(self, folder: str, *, split: str) -> Sequence[FileEntry]:
        table = self._table(f"{folder}/meta.csv")
        table.key_column("filename")
        return [
            FileEntry(path=f"{folder}/{filename}", label=scene, split=split, group=location)
            for filename, scene, location in table.full_rows("filename", "scene_label", "identifier")
        ]

    def _arrange(self, part: ReleasePart, entries: Sequence[FileEntry]) -> Sequence[FileEntry]:
        if not self._official or all(entry.split == "test" for entry in entries):
            return super()._arrange(part, entries)
        split_of = self._fold()
        return [e if e.split == "test" else replace(e, split=split_of.get(e.path, "unused")) for e in entries]

    def _fold(self) -> Mapping[str, str]:
        """Splits of the files that the official setup of the development set uses."""
        split_of: dict[str, str] = {}
        for split, file in (("train", "fold1_train.csv"), ("valid", "fold1_evaluate.csv")):
            table = self._table(f"{_DEV}/evaluation_setup/{file}")
            split_of.update({f"{_DEV}/{cell}": split for cell in table.key_column("filename")})
        return split_of
