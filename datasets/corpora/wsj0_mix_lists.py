"""The lists that WSJ0-2mix and its kin are made from, without audio."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ...errors import AudioError, CorpusError
from ..corpus import CORPORA, Recording, Samples
from ._folder_listing import locate

_GET = (
    "the lists come with MERL's scripts, the levels with github.com/mpariente/pywsj0-mix; put them "
    "into one folder and name it with --corpus"
)


@CORPORA.register("wsj0_mix_lists")
class Wsj0MixLists:
    """A folder of lists, such as `metadata` of pywsj0-mix.

    It has no recordings. The builder `wsj0_mix` reads `mix_2_spk_tt.txt` and so on, the active
    levels `activlev/activlev_si_et_05.txt` and so on, and lists of auxiliary utterances. It is
    needed to build a set, and not to open one.

    Args:
        name: what datasets call it.
        root: the folder, or the one that holds `metadata`.
    """

    version = "MERL 2016"
    licence = "Apache-2.0"

    def __init__(self, *, name: str, root: Path) -> None:
        self.name = name
        self._where = f"corpus {name!r} (lists of WSJ0 mixtures)"
        root = Path(root).expanduser().absolute()
        inner = root / "metadata"
        self.root = inner if inner.is_dir() else root

    def recordings(self) -> Sequence[Recording]:
        """None: these are lists."""
        return ()

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:  # noqa: ARG002
        """Nothing can be heard here.

        Raises:
            AudioError: always.
        """
        raise AudioError(f"{self._where} holds lists, not audio; {path!r} cannot be read")

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

    def file(self, *paths: str) -> Path:
        """The first of several places of a list where there is a file.

        Raises:
            CorpusError: there is none, or a path leads out of the folder.
        """
        for path in paths:
            if locate(self.root, path).is_file():
                return self.root / path
        raise CorpusError(
            f"{self._where}: {str(self.root)!r} has no {' and no '.join(paths)}; {_GET} "
            f"{self.name}=DIR"
        )
