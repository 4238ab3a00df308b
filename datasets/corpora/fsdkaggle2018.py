"""FSDKaggle2018: 11,073 Freesound clips of 41 classes, one label each (Fonseca et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..protocols.corpus import CORPORA
from .disk.disk_corpus import DiskCorpus, Splits, ValidShare
from .disk.file_entries import FileEntry, checked_share
from .disk.layout import Release, ReleasePart

_META = "FSDKaggle2018.meta"
_TABLES = {"train": f"{_META}/train_post_competition.csv", "test": f"{_META}/test_post_competition_scoring_clips.csv"}


@CORPORA.register("fsdkaggle2018")
class FsdKaggle2018(DiskCorpus):
    """FSDKaggle2018 as Zenodo has it, in splits "train" and "test" (and "valid", by a share).

    The group of a clip is its Freesound id. Labels of 3,710 of the 9,473 training clips and of all 1,600 test clips
    were checked by hand; of the others 65 to 70 % at least are right. Padding clips of the competition (usage
    "Ignored", label "None"), which the table of an older copy may list, are left out.

    Args:
        manually_verified: only training clips whose label was checked by hand.
        valid_share: this share of the training clips becomes "valid".
    """

    release = Release(title="FSDKaggle2018", source="Zenodo record 2552860 (https://zenodo.org/records/2552860)")
    parts = (
        ReleasePart(name="train", folder="FSDKaggle2018.audio_train", splits=("train", "valid"), files=9473),
        ReleasePart(name="test", folder="FSDKaggle2018.audio_test", splits=("test",), files=1600),
    )
    other_folders = (_META,)
    version = "Zenodo 2552860"
    licence = "CC-BY-4.0; clips CC0-1.0, CC-BY-3.0 or CC-BY-NC-3.0, see its metadata"

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        manually_verified: bool = False,
        valid_share: ValidShare = 0.0,
        splits: Splits = None,
        allow_missing: bool = False,
    ) -> None:
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)
        self._valid_share = checked_share(valid_share, where=self._where)
        self._manually_verified = manually_verified

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        table = self._table(_TABLES[part.name])
        table.key_column("fname")
        rows = table.full_rows("fname", "label", "freesound_id")
        used = table.column("usage") if part.name == "test" else ["Public"] * len(table.rows)
        return [
            FileEntry(path=f"{part.folder}/{fname}", label=label, split=part.name, group=freesound_id)
            for (fname, label, freesound_id), usage in zip(rows, used, strict=True)
            if usage != "Ignored" and label != "None"
        ]

    def _arrange(self, part: ReleasePart, entries: Sequence[FileEntry]) -> Sequence[FileEntry]:
        if self._manually_verified and any(entry.split == "train" for entry in entries):
            rows = self._table(_TABLES["train"]).full_rows("fname", "manually_verified")
            checked = {f"{part.folder}/{fname}" for fname, flag in rows if flag == "1"}
            entries = [e for e in entries if e.split != "train" or e.path in checked]
        return super()._arrange(part, entries)
