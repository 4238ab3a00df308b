"""LibriSpeech: English audio books, 16 kHz (Panayotov et al., ICASSP 2015)."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from ...core.errors import AudioError, CorpusError
from ..protocols.corpus import CORPORA
from ..signals.audio import AudioInfo, info
from .disk.folder_listing import Entry, locate
from .disk.layout import Part, Release
from .disk.published import DiskCorpus

_SPEAKERS = "SPEAKERS.TXT"
_FILES = {
    "dev-clean": 2_703,
    "dev-other": 2_864,
    "test-clean": 2_620,
    "test-other": 2_939,
    "train-clean-100": 28_539,
    "train-clean-360": 104_014,
    "train-other-500": 148_688,
}


@CORPORA.register("librispeech")
class LibriSpeech(DiskCorpus):
    """LibriSpeech as it is unpacked: `<subset>/<speaker>/<chapter>/<utterance>.flac`.

    Labels are the speakers' ids, splits are the subsets (such as test-clean), and a group is one
    utterance. Some subsets, speakers or chapters will do; but a chapter that lacks utterances which
    its transcripts name is half copied, and an error.

    Args:
        name: what datasets call the corpus.
        root: the folder `LibriSpeech`, or the one above it.
        splits: only these subsets; all that are there if None.
        allow_missing: leave out utterances that are missing, instead of an error.
    """

    release = Release(title="LibriSpeech", source="https://www.openslr.org/12")
    parts = tuple(Part(name=name, folder=name, splits=(name,), files=files) for name, files in _FILES.items())
    version = "OpenSLR 12"
    licence = "CC BY 4.0"

    def __init__(
        self, *, name: str, root: Path, splits: tuple[str, ...] | None = None, allow_missing: bool = False
    ) -> None:
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)
        self._said: dict[str, Mapping[str, str]] = {}

    def header(self, path: str) -> AudioInfo:
        """Length and rate of one utterance.

        Raises:
            AudioError: the file is missing, outside the root or damaged.
        """
        return info(locate(self.root, path, error=AudioError))

    def utterances(self, subset: str, speaker: str) -> list[str]:
        """Paths of what a speaker says in the chapters that are there, sorted.

        Utterances that the transcripts of these chapters name are among them, there or not.
        """
        folder = posixpath.join(subset, speaker)
        if not (self.root / folder).is_dir():
            return []
        files = set(self._found(folder, (".flac", ".txt")))
        chapters = {posixpath.dirname(path) for path in files}
        read = [chapter for chapter in chapters if _transcripts(chapter) in files]
        named = {f"{chapter}/{name}.flac" for chapter in read for name in self._chapter(chapter)}
        return sorted(named | {path for path in files if path.endswith(".flac")})

    def sex(self, speaker: str) -> str:
        """Sex of a speaker, "F" or "M", as SPEAKERS.TXT says.

        Raises:
            CorpusError: the file is missing, or does not name the speaker.
        """
        if speaker not in self._sexes:
            raise CorpusError(
                f"{self._where}: {str(self.root / _SPEAKERS)!r} has no speaker {speaker!r}; "
                f"restore it from {self.release.source}"
            )
        return self._sexes[speaker]

    def transcript(self, path: str) -> str:
        """What is said in one utterance, in upper case.

        Raises:
            CorpusError: the file of transcripts of its chapter is missing, or lacks it.
        """
        chapter = posixpath.dirname(path)
        said = self._chapter(chapter)
        if utterance_of(path) not in said:
            raise CorpusError(
                f"{self._where}: {_transcripts(chapter)!r} has no line for utterance "
                f"{utterance_of(path)!r}; copy the chapter again"
            )
        return said[utterance_of(path)]

    def _list(self, part: Part) -> Sequence[Entry]:
        there = set(self._found(part.folder, (".flac", ".txt")))
        chapters = sorted({posixpath.dirname(path) for path in there})
        unread = [chapter for chapter in chapters if _transcripts(chapter) not in there]
        if unread:
            raise CorpusError(
                f"{self._where}: {len(unread)} of the {len(chapters)} chapters of {part.folder} "
                f"have no transcripts, the first is {_transcripts(unread[0])!r}; copy them again"
            )
        named = {f"{c}/{name}.flac" for c in chapters for name in self._chapter(c)}
        flac = {path for path in there if path.endswith(".flac")}
        return [
            Entry(
                path=path,
                label=speaker_of(path),
                split=part.name,
                group=path,
                transcript=self.transcript(path),
            )
            for path in sorted(named | flac)
        ]

    @cached_property
    def _sexes(self) -> Mapping[str, str]:
        return _read_sexes(self._text(_SPEAKERS))

    def _chapter(self, chapter: str) -> Mapping[str, str]:
        """Transcripts of a chapter by utterance."""
        if chapter not in self._said:
            lines = (line.partition(" ") for line in self._text(_transcripts(chapter)).splitlines())
            self._said[chapter] = {name: " ".join(text.split()) for name, _, text in lines if name}
        return self._said[chapter]

    def _text(self, path: str) -> str:
        file = locate(self.root, path)
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
            raise CorpusError(
                f"{self._where}: cannot read {str(file)!r}: {reason}; copy it again from "
                f"{self.release.source}"
            ) from None


def speaker_of(path: str) -> str:
    """Speaker's id in a path `<subset>/<speaker>/<chapter>/<utterance>.flac`."""
    return utterance_of(path).partition("-")[0]


def utterance_of(path: str) -> str:
    """Utterance's id in a path."""
    return posixpath.basename(path).removesuffix(".flac")


def _transcripts(chapter: str) -> str:
    speaker, _, number = chapter.rpartition("/")
    return f"{chapter}/{posixpath.basename(speaker)}-{number}.trans.txt"


def _read_sexes(text: str) -> dict[str, str]:
    """Sex by speaker from lines `ID | SEX | SUBSET | MINUTES | NAME`; a name may hold `|` too."""
    rows = [
        [cell.strip() for cell in line.split("|")] for line in text.splitlines() if not line.startswith(";")
    ]
    return {row[0]: row[1] for row in rows if len(row) >= 5}
