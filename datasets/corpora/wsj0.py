"""WSJ0 (CSR-I, LDC93S6A): read speech of the Wall Street Journal, 16 kHz."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from ...core.errors import CorpusError
from ..protocols.corpus import CORPORA
from .disk.folder_listing import Entry
from .disk.layout import Part, Release
from .disk.published import DiskCorpus
from .disk.wsj0_texts import read_speakers, read_transcripts

_NAME = re.compile(r"([0-9a-z]{8})\.(.+)")
# What follows the id, the best first; the second microphone (wv2) has no part in WSJ0-2mix.
_SUFFIXES = ("wav", "wv1.wav", "flac", "wv1.flac", "wv1")
_SPHERE = b"NIST_1A"


@CORPORA.register("wsj0")
class Wsj0(DiskCorpus):
    """Utterances by speaker, in `[wsj0/]{si_tr_s,si_dt_05,si_et_05}/<speaker>/<utterance>.wav`.

    The discs are merged into one folder, and their compressed files (`.wv1`) are converted with
    sph2pipe. Upper and lower case do not matter, nor do the suffixes `.wav`, `.flac` and `.wv1`;
    the second microphone (`.wv2`) is ignored. Labels are the speakers, the first three characters
    of an utterance; the splits are the folders, of 101, 10 and 8 speakers.

    Args:
        name: what datasets call the corpus.
        root: the folder `wsj0`, or the one above it.
        splits: only these folders; all that are there if None.
        transcripts: folder of `.dot`, `.lsn` or `.ptx` files, relative to the folder of the
            splits, for example "transcrp/dots". The words are kept in upper case, with verbalised
            punctuation (`,COMMA`).
        licence: of the recordings.
        version: of the corpus.
        allow_missing: leave out files that cannot be read, instead of an error.
    """

    release = Release(
        title="WSJ0 (CSR-I)",
        source="the Linguistic Data Consortium (LDC93S6A), with its discs merged and its files "
        "converted by sph2pipe",
    )
    parts = (
        Part(name="si_tr_s", folder="si_tr_s", splits=("si_tr_s",), files=12_776),
        Part(name="si_dt_05", folder="si_dt_05", splits=("si_dt_05",), files=1_206),
        Part(name="si_et_05", folder="si_et_05", splits=("si_et_05",), files=651),
    )

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        splits: tuple[str, ...] | None = None,
        transcripts: str | None = None,
        licence: str = "LDC",
        version: str = "LDC93S6A",
        allow_missing: bool = False,
    ) -> None:
        self.licence, self.version = licence, version
        self._transcripts = transcripts
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)

    def sexes(self) -> Mapping[str, str]:
        """Sex ("F" or "M") by speaker, from `doc/spkrinfo.txt` or its kin, if it is there."""
        return read_speakers(self.root)

    def _layout_parts(self) -> tuple[Part, ...]:
        if not self._upper:
            return self.parts
        return tuple(replace(part, folder=part.folder.upper()) for part in self.parts)

    @cached_property
    def _upper(self) -> bool:
        """Are the folders in upper case, as some copies of the discs have them?"""
        given = self._given.expanduser()
        bases = [given, *(given / name for name in ("wsj0", "WSJ0"))]
        lower, upper = (
            any((base / spelt).is_dir() for base in bases for spelt in spelling)
            for spelling in (
                [part.folder for part in self.parts],
                [part.folder.upper() for part in self.parts],
            )
        )
        return upper and not lower

    @cached_property
    def _texts(self) -> Mapping[str, str]:
        if self._transcripts is None:
            return {}
        return read_transcripts(self.root, self._transcripts, where=self._where)

    def _list(self, part: Part) -> Sequence[Entry]:
        best: dict[str, tuple[int, str]] = {}
        for path in self._found(part.folder, (".wav", ".flac", ".wv1")):
            match = _NAME.fullmatch(PurePosixPath(path).name.lower())
            if match and match[2] in _SUFFIXES:
                ranked = (_SUFFIXES.index(match[2]), path)
                best[match[1]] = min(best.get(match[1], ranked), ranked)
        if best:
            self._refuse_sphere(min(path for _, path in best.values()))
        return [
            Entry(
                path=path,
                label=utterance[:3],
                split=part.name,
                group=path,
                transcript=self._texts.get(utterance),
            )
            for utterance, (_, path) in best.items()
        ]

    def _refuse_sphere(self, path: str) -> None:
        """The files of the discs are compressed in a way that libsndfile cannot decode."""
        with (self.root / path).open("rb") as stream:
            head = stream.read(len(_SPHERE))
        if head == _SPHERE:
            raise CorpusError(
                f"{self._where}: {str(self.root / path)!r} is in NIST's SPHERE format, as it is on "
                "the discs; convert all files: sph2pipe -f wav 445c0206.wv1 445c0206.wav"
            )
