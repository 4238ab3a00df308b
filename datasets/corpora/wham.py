"""WHAM noise: urban places in the San Francisco Bay Area, 16 kHz (Wichern et al., 2019)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..protocols.corpus import CORPORA
from ..signals.audio import AudioInfo
from .disk.disk_corpus import DiskCorpus
from .disk.file_entries import FileEntry
from .disk.layout import Release, ReleasePart

_SPED = re.compile(r"sp(08|12)\.wav$")


@CORPORA.register("wham")
class Wham(DiskCorpus):
    """WHAM noise as it is unpacked: `{tr,cv,tt}/*.wav`, of which the first channel is read.

    All labels are "noise", and the splits are tr, cv and tt. The speed-changed copies that LibriMix adds to tr
    (`...sp08.wav`, `...sp12.wav`) are of one group with their original.
    """

    channel = 0
    release = Release(title="WHAM noise", source="http://wham.whisper.ai (wham_noise.zip)")
    parts = (
        # 20,000, or 60,000 with LibriMix's copies.
        ReleasePart(name="tr", folder="tr", splits=("tr",)),
        ReleasePart(name="cv", folder="cv", splits=("cv",), files=5_000),
        ReleasePart(name="tt", folder="tt", splits=("tt",), files=3_000),
    )
    version = "WHAM!"
    licence = "CC BY-NC 4.0"

    def header(self, path: str) -> AudioInfo:
        """Length, rate and channels of one file; raises as `AudioTree.header`."""
        return self._files.header(path)

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        return [
            FileEntry(path=path, label="noise", split=part.name, group=_SPED.sub(".wav", path))
            for path in self._found(part.folder)
        ]
