"""WSJ0 (CSR-I, LDC93S6A): read speech of the Wall Street Journal, 16 kHz."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from ...core.errors import CorpusError
from ...core.file_tree import as_spelt, suffix_of
from ..protocols.corpus import CORPORA
from ..transcripts import without_wsj_marks
from .disk.csv_table import refuse_repeated
from .disk.disk_corpus import DiskCorpus, Splits
from .disk.file_entries import FileEntry, visible_files
from .disk.layout import Release, ReleasePart

_NAME = re.compile(r"([0-9a-z]{8})\.(.+)")
# What follows the id, the best first; WSJ0-2mix does not use the second microphone (wv2).
_SUFFIXES = ("wav", "wv1.wav", "flac", "wv1.flac", "wv1")
_SPHERE = b"NIST_1A"

# Transcripts of the speech (.dot), the same without markup (.lsn), the prompts (.ptx): best first.
_TEXTS = (".dot", ".lsn", ".ptx")
# In .ptx files the number of the prompt follows the utterance.
_TRANSCRIPT = re.compile(r"(.*)\(([0-9a-z]{8})(?:\s[^()]*)?\)\s*", re.IGNORECASE)
_SPEAKER = re.compile(r"([0-9a-z]{3})\s+([fm])\b.*", re.IGNORECASE)
_SPEAKER_FILES = ("doc/spkrinfo.txt", "spkrinfo.txt", "wsj0-train-spkrinfo.txt", "wsj0-eval-spkrinfo.txt")


@CORPORA.register("wsj0")
class Wsj0(DiskCorpus):
    """Utterances by speaker, in `[wsj0/]{si_tr_s,si_dt_05,si_et_05}/<speaker>/<utterance>.wav`.

    The discs are merged into one folder, and their compressed files (`.wv1`) are converted with sph2pipe. Upper and
    lower case do not matter, nor do the suffixes `.wav`, `.flac` and `.wv1`; the second microphone (`.wv2`) is ignored.
    Labels are the speakers, the first three characters of an utterance; the splits are the folders, of 101, 10 and 8
    speakers.

    Args:
        transcripts: folder of `.dot`, `.lsn` or `.ptx` files, relative to the folder of the splits, for example
            "transcrp/dots". Texts are in upper case, with verbalised punctuation (`,COMMA`).
        licence: of the copy, for cards and reports.
        version: of the copy, for cards.
    """

    release = Release(
        title="WSJ0 (CSR-I)",
        source="the Linguistic Data Consortium (LDC93S6A), with its discs merged and its files converted by sph2pipe",
    )
    parts = tuple(
        ReleasePart(name=name, folder=name, splits=(name,), files=files)
        for name, files in (("si_tr_s", 12_776), ("si_dt_05", 1_206), ("si_et_05", 651))
    )

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        splits: Splits = None,
        transcripts: str | None = None,
        licence: str = "LDC",
        version: str = "LDC93S6A",
        allow_missing: bool = False,
    ) -> None:
        self.licence, self.version = licence, version
        self._transcripts = transcripts
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)

    def sexes(self) -> Mapping[str, str]:
        """Sex ("F" or "M") by speaker, from `doc/spkrinfo.txt` or similar files, if they exist."""
        return _read_speakers(self.root)

    def _layout_parts(self) -> tuple[ReleasePart, ...]:
        if not self._upper:
            return self.parts
        return tuple(replace(part, folder=part.folder.upper()) for part in self.parts)

    @cached_property
    def _upper(self) -> bool:
        """Whether the folders are in upper case, as in some copies of the discs."""
        given = self._given.expanduser()
        bases = [given, *(given / name for name in ("wsj0", "WSJ0"))]
        lower, upper = (
            any((base / spelt).is_dir() for base in bases for spelt in spelling)
            for spelling in ([part.folder for part in self.parts], [part.folder.upper() for part in self.parts])
        )
        return upper and not lower

    @cached_property
    def _texts(self) -> Mapping[str, str]:
        if self._transcripts is None:
            return {}
        return _read_transcripts(self.root, self._transcripts, where=self._where)

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        best: dict[str, tuple[int, str]] = {}
        second = 0
        for path in self._found(part.folder, (".wav", ".flac", ".wv1", ".wv2")):
            match = _NAME.fullmatch(PurePosixPath(path).name.lower())
            second += bool(match and match[2].startswith("wv2"))
            if match and match[2] in _SUFFIXES:
                ranked = (_SUFFIXES.index(match[2]), path)
                best[match[1]] = min(best.get(match[1], ranked), ranked)
        if best:
            self._refuse_sphere(min(path for _, path in best.values()))
        elif second:
            raise CorpusError(
                f"{self._where}: {part.folder} holds only second-microphone files (wv2), {second} of them; sets of "
                "WSJ0 are made of the first microphone: convert its files (.wv1) with sph2pipe"
            )
        return [
            FileEntry(path=path, label=id_[:3], split=part.name, group=path, transcript=self._texts.get(id_))
            for id_, (_, path) in best.items()
        ]

    def _refuse_sphere(self, path: str) -> None:
        """Raise a CorpusError for a compressed file of the discs, which libsndfile cannot decode."""
        with (self.root / path).open("rb") as stream:
            head = stream.read(len(_SPHERE))
        if head == _SPHERE:
            raise CorpusError(
                f"{self._where}: {str(self.root / path)!r} is in NIST's SPHERE format, as it is on "
                "the discs; convert all files: sph2pipe -f wav 445c0206.wv1 445c0206.wav"
            )


def _read_transcripts(base: Path, folder: str, *, where: str) -> Mapping[str, str]:
    """Transcripts by utterance, from lines `text (utterance)`, in upper case, without the marks of the transcribers."""
    found = visible_files(base, folder, _TEXTS) if (base / folder).is_dir() else []
    files = sorted((_TEXTS.index(suffix_of(path)), as_spelt(base, path)) for path in found)
    if not files:
        raise CorpusError(
            f"{where}: {str(base / folder)!r} holds no transcripts (.dot, .lsn or .ptx); set "
            f"`transcripts` to a folder of them, relative to {str(base)!r}, or leave it out"
        )
    texts: dict[str, str] = {}
    for _, path in files:
        known: list[tuple[int, str]] = []
        for number, line in enumerate(_lines(path), 1):
            match = _TRANSCRIPT.fullmatch(line)
            if match is None and line.strip():
                raise CorpusError(
                    f"{where}: {str(path)!r}, line {number}: {line.strip()[:60]!r} is not "
                    "`text (utterance)`; correct it"
                )
            if match is not None:
                text = without_wsj_marks(match[1].upper())
                known.append((number, match[2].lower()))
                texts.setdefault(match[2].lower(), text)
        refuse_repeated(path, known, what="utterance")
    return texts


def _read_speakers(base: Path) -> Mapping[str, str]:
    """Sex ("F" or "M") by speaker, from those files of LDC that exist: rows begin with speaker and sex."""
    known: dict[str, str] = {}
    for name in _SPEAKER_FILES:
        path = base / name
        for line in _lines(path) if path.is_file() else ():
            match = _SPEAKER.fullmatch(line.strip())
            if match is not None and known.setdefault(match[1].lower(), match[2].upper()) != match[2].upper():
                raise CorpusError(
                    f"{str(path)!r}: speaker {match[1]!r} is {match[2].upper()} here and "
                    f"{known[match[1].lower()]} in another line of LDC's lists; correct one of them"
                )
    return known


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise CorpusError(f"cannot read {str(path)!r}: {error.strerror}; correct its permissions") from None
