"""FSDKaggle2018: 11,073 Freesound clips of 41 classes, one label each (Fonseca et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..protocols.corpus import CORPORA
from .disk.folder_listing import Entry
from .disk.layout import Part, Release
from .disk.published import DiskCorpus

_META = "FSDKaggle2018.meta"
_TABLES = {
    "train": f"{_META}/train_post_competition.csv",
    "test": f"{_META}/test_post_competition_scoring_clips.csv",
}


@CORPORA.register("fsdkaggle2018")
class FsdKaggle2018(DiskCorpus):
    """FSDKaggle2018 as Zenodo has it, in splits "train" and "test" (and "valid", by a share).

    The group of a clip is its Freesound id. Of the training clips 3,710 of 9,473 have labels that
    were checked by hand; of the others 65 to 70 % at least are right. The 1,600 test clips all
    were. Padding clips of the competition (usage "Ignored", label "None") are left out, should the
    table of an older copy list them.

    Args:
        name: what datasets call the corpus.
        root: folder of the corpus, the one above it, or one of its own folders.
        manually_verified: only training clips whose label was checked by hand.
        valid_share: this share of the training clips becomes "valid".
        splits: only these splits; the headers of the other files are not read.
        allow_missing: leave out files that the corpus lists and that are not there.
    """

    release = Release(
        title="FSDKaggle2018", source="Zenodo record 2552860 (https://zenodo.org/records/2552860)"
    )
    parts = (
        Part(name="train", folder="FSDKaggle2018.audio_train", splits=("train", "valid"), files=9473),
        Part(name="test", folder="FSDKaggle2018.audio_test", splits=("test",), files=1600),
    )
    beside = (_META,)
    version = "Zenodo 2552860"
    licence = "CC-BY-4.0; clips CC0-1.0, CC-BY-3.0 or CC-BY-NC-3.0, see its metadata"

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        manually_verified: bool = False,
        valid_share: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        splits: tuple[str, ...] | None = None,
        allow_missing: bool = False,
    ) -> None:
        super().__init__(
            name=name, root=root, splits=splits, valid_share=valid_share, allow_missing=allow_missing
        )
        self._manually_verified = manually_verified

    def _list(self, part: Part) -> Sequence[Entry]:
        table = self._table(_TABLES[part.name])
        labels = table.full_column("label", option="root")
        used = ["Public"] * len(labels)
        if part.name == "test":
            used = list(table.column("usage", option="root"))
        rows = zip(
            table.full_column("fname", option="root"),
            labels,
            table.full_column("freesound_id", option="root"),
            used,
            strict=True,
        )
        return [
            Entry(path=f"{part.folder}/{fname}", label=label, split=part.name, group=freesound_id)
            for fname, label, freesound_id, usage in rows
            if usage != "Ignored" and label != "None"
        ]

    def _arrange(self, part: Part, entries: Sequence[Entry]) -> Sequence[Entry]:
        if self._manually_verified and any(entry.split == "train" for entry in entries):
            checked = self._checked()
            entries = [e for e in entries if e.split != "train" or e.path in checked]
        return super()._arrange(part, entries)

    def _checked(self) -> set[str]:
        table = self._table(_TABLES["train"])
        flags = table.full_column("manually_verified", option="root")
        names = table.full_column("fname", option="root")
        return {
            f"{self.parts[0].folder}/{fname}" for fname, flag in zip(names, flags, strict=True) if flag == "1"
        }
