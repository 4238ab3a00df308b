"""The metadata of LibriMix: tables of mixtures and of recordings, without audio."""

from __future__ import annotations

from ...core.errors import CorpusError
from ..protocols.corpus import CORPORA
from .disk.lists import Lists
from .disk.table import Table, read_table


@CORPORA.register("librimix_metadata")
class LibriMixMetadata(Lists):
    """The folder `metadata` of LibriMix's repository, and maps of enrollments put into it.

    It has no recordings. The builder `librimix` reads `Libri2Mix/libri2mix_test-clean.csv` and so
    on, and `LibriSpeech/test-clean.csv` for the lengths of utterances where that is there. It is
    needed to build a set, and not to open one.

    Args:
        name: what datasets call it.
        root: the folder, or the one that holds `metadata`.
    """

    title = "LibriMix metadata"
    get = "get it with `git clone https://github.com/JorisCos/LibriMix` and name it with --corpus"
    version = "LibriMix"
    licence = "MIT"

    def table(self, path: str) -> Table:
        """A CSV file with a header.

        Raises:
            CorpusError: the file is missing or is no such table.
        """
        return read_table(self.file(path))

    def lines(self, path: str) -> list[str]:
        """The lines of a text file that are not blank.

        Raises:
            CorpusError: the file is missing or not text.
        """
        file = self.file(path)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(f"{self._where}: cannot read {str(file)!r}: {error}") from None
        return [line for line in text.splitlines() if line.strip()]
