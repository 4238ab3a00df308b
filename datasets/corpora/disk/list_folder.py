"""Corpora without audio: folders of lists and tables that sets are made from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ....core.errors import AudioError, CorpusError
from ...protocols.corpus import Recording, Samples
from .csv_table import CsvTable, read_table
from .file_entries import locate


class ListFolder:
    """A folder of text files (or the one above `metadata`), needed to build a set and not to open one."""

    title: ClassVar[str]
    get: ClassVar[str]
    """How to get the files, up to `--corpus`."""
    version: str
    licence: str

    def __init__(self, *, name: str, root: Path) -> None:
        self.name = name
        self._where = f"corpus {name!r} ({self.title})"
        root = Path(root).expanduser().absolute()
        inner = root / "metadata"
        self.root = inner if inner.is_dir() else root

    def recordings(self) -> Sequence[Recording]:
        """None: these are lists."""
        return ()

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:  # noqa: ARG002
        """Raise an AudioError: these are lists."""
        raise AudioError(f"{self._where} holds lists, not audio; {path!r} cannot be read")

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of the bytes of a file."""
        file = locate(self.root, path, error=AudioError)
        try:
            return hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise AudioError(f"{self._where}: cannot read {path!r}: {error.strerror}; complete the folder") from None

    def has(self, path: str) -> bool:
        """Whether the file exists; CorpusError if the path leads out of the folder."""
        return locate(self.root, path).is_file()

    def file(self, *paths: str) -> Path:
        """The first of several places of a list that is a file."""
        for path in paths:
            if self.has(path):
                return locate(self.root, path)
        raise CorpusError(
            f"{self._where}: {str(self.root)!r} has no {' and no '.join(paths)}; {self.get} "
            f"{self.name}=DIR, or correct the file's name in the config"
        )

    def table(self, path: str) -> CsvTable:
        """A CSV file with a header; CorpusError if the file is missing or not a table."""
        return read_table(self.file(path))

    def lines(self, path: str) -> list[tuple[int, str]]:
        """The lines of a text file that are not blank, numbered; CorpusError if it is missing or not text."""
        file = self.file(path)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(f"{self._where}: cannot read {str(file)!r}: {error}") from None
        return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
