"""The metadata of LibriMix: tables of mixtures and of recordings, without audio."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ...errors import AudioError, CorpusError
from ..corpus import CORPORA, Recording, Samples
from ._folder_listing import locate
from ._table import Table, read_table

_GET = "get it with `git clone https://github.com/JorisCos/LibriMix` and name it with --corpus"


@CORPORA.register("librimix_metadata")
class LibriMixMetadata:
    """The folder `metadata` of LibriMix's repository, and maps of enrollments put into it.

    It has no recordings. The builder `librimix` reads `Libri2Mix/libri2mix_test-clean.csv` and so
    on, and `LibriSpeech/test-clean.csv` for the lengths of utterances where that is there. It is
    needed to build a set, and not to open one.

    Args:
        name: what datasets call it.
        root: the folder, or the one that holds `metadata`.
    """

    version = "LibriMix"
    licence = "MIT"

    def __init__(self, *, name: str, root: Path) -> None:
        self.name = name
        self._where = f"corpus {name!r} (LibriMix metadata)"
        root = Path(root).expanduser().absolute()
        inner = root / "metadata"
        self.root = inner if inner.is_dir() else root

    def recordings(self) -> Sequence[Recording]:
        """None: these are tables."""
        return ()

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:  # noqa: ARG002
        """Nothing can be heard here.

        Raises:
            AudioError: always.
        """
        raise AudioError(f"{self._where} holds tables, not audio; {path!r} cannot be read")

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of a file.

        Raises:
            AudioError: the file cannot be read.
        """
        try:
            return hashlib.sha256(
                locate(self.root, path, error=AudioError).read_bytes()
            ).hexdigest()
        except OSError as error:
            raise AudioError(
                f"{self._where}: cannot read {path!r}: {error.strerror}; complete the folder"
            ) from None

    def has(self, path: str) -> bool:
        """Is there such a file?

        Raises:
            CorpusError: the path leads out of the folder.
        """
        return locate(self.root, path).is_file()

    def table(self, path: str) -> Table:
        """A CSV file with a header.

        Raises:
            CorpusError: the file is missing or is no such table.
        """
        return read_table(self._file(path))

    def lines(self, path: str) -> list[str]:
        """The lines of a text file that are not blank.

        Raises:
            CorpusError: the file is missing or not text.
        """
        file = self._file(path)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(f"{self._where}: cannot read {str(file)!r}: {error}") from None
        return [line for line in text.splitlines() if line.strip()]

    def _file(self, path: str) -> Path:
        file = locate(self.root, path)
        if not file.is_file():
            raise CorpusError(
                f"{self._where}: {str(file)!r} does not exist; {_GET} {self.name}=DIR, or correct "
                "the file's name in the config"
            )
        return file
