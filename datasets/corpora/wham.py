"""WHAM noise: urban places in the San Francisco Bay Area, 16 kHz (Wichern et al., 2019)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import AudioError
from ..protocols.corpus import CORPORA
from ..signals.audio import AudioInfo, info
from .disk.folder_listing import Entry, locate
from .disk.layout import Part, Release
from .disk.published import DiskCorpus

_SPED = re.compile(r"sp(08|12)\.wav$")


@CORPORA.register("wham")
class Wham(DiskCorpus):
    """WHAM noise as it is unpacked: `{tr,cv,tt}/*.wav`, of which the first channel is read.

    All labels are "noise", and the splits are tr, cv and tt. The speed-changed copies that LibriMix
    adds to tr (`...sp08.wav`, `...sp12.wav`) are of one group with their original.

    Args:
        name: what datasets call the corpus.
        root: the folder `wham_noise`, or the one above it.
        splits: only these parts; all that are there if None.
        allow_missing: leave out files that cannot be read, instead of an error.
    """

    release = Release(title="WHAM noise", source="http://wham.whisper.ai (wham_noise.zip)")
    parts = (
        # 20,000, or 60,000 with LibriMix's copies.
        Part(name="tr", folder="tr", splits=("tr",)),
        Part(name="cv", folder="cv", splits=("cv",), files=5_000),
        Part(name="tt", folder="tt", splits=("tt",), files=3_000),
    )
    version = "WHAM!"
    licence = "CC BY-NC 4.0"

    def __init__(
        self, *, name: str, root: Path, splits: tuple[str, ...] | None = None, allow_missing: bool = False
    ) -> None:
        super().__init__(name=name, root=root, splits=splits, channel=0, allow_missing=allow_missing)

    def header(self, path: str) -> AudioInfo:
        """Length, rate and channels of one file.

        Raises:
            AudioError: the file is missing, outside the root or damaged.
        """
        return info(locate(self.root, path, error=AudioError))

    def _list(self, part: Part) -> Sequence[Entry]:
        return [
            Entry(path=path, label="noise", split=part.name, group=_SPED.sub(".wav", path))
            for path in self._found(part.folder)
        ]
