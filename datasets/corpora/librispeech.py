"""LibriSpeech: English audio books, 16 kHz (Panayotov et al., ICASSP 2015)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property

from ...core.errors import CorpusError
from ..protocols.corpus import CORPORA
from ..signals.audio import AudioInfo
from .disk.csv_table import refuse_repeated
from .disk.disk_corpus import DiskCorpus
from .disk.file_entries import FileEntry, locate
from .disk.layout import Release, ReleasePart

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

    Labels are the speakers' ids, splits are the subsets (such as test-clean), and a group is one utterance. A copy may
    have only some subsets, speakers or chapters; but a chapter that lacks utterances which its transcripts name was
    copied in part, and is an error.
    """

    release = Release(title="LibriSpeech", source="https://www.openslr.org/12")
    parts = tuple(ReleasePart(name=name, folder=name, splits=(name,), files=files) for name, files in _FILES.items())
    version = "OpenSLR 12"
    licence = "CC BY 4.0"

    def header(self, path: str) -> AudioInfo:
        """Length and rate of one utterance; raises as `AudioTree.header`."""
        return self._files.header(path)

    def utterances(self, subset: str, speaker: str) -> list[str]:
        """Paths of a speaker's utterances in existing chapters, sorted, with missing ones that transcripts name."""
        folder = posixpath.join(subset, speaker)
        if not (self.root / folder).is_dir():
            return []
        files = set(self._found(folder, (".flac", ".txt")))
        return self._with_named(files, {c for c in _chapters(files) if _transcripts(c) in files})

    def sex(self, speaker: str) -> str:
        """Sex of a speaker, "F" or "M", from SPEAKERS.TXT."""
        if speaker not in self._sexes:
            raise CorpusError(
                f"{self._where}: {str(self.root / _SPEAKERS)!r} has no speaker {speaker!r}; "
                f"restore it from {self.release.source}"
            )
        return self._sexes[speaker]

    def transcript(self, path: str) -> str:
        """Transcript of one utterance, in upper case."""
        chapter = posixpath.dirname(path)
        transcripts = self._chapter(chapter)
        if utterance_of(path) not in transcripts:
            raise CorpusError(
                f"{self._where}: {_transcripts(chapter)!r} has no line for utterance "
                f"{utterance_of(path)!r}; copy the chapter again"
            )
        return transcripts[utterance_of(path)]

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        there = set(self._found(part.folder, (".flac", ".txt")))
        chapters = sorted(_chapters(there))
        unread = [chapter for chapter in chapters if _transcripts(chapter) not in there]
        if unread:
            raise CorpusError(
                f"{self._where}: {len(unread)} of the {len(chapters)} chapters of {part.folder} "
                f"have no transcripts, the first is {_transcripts(unread[0])!r}; copy them again"
            )
        return [
            FileEntry(path=p, label=speaker_of(p), split=part.name, group=p, transcript=self.transcript(p))
            for p in self._with_named(there, chapters)
        ]

    def _with_named(self, files: Set[str], chapters: Iterable[str]) -> list[str]:
        """The existing utterances, and those that the transcripts of chapters name, sorted."""
        named = {f"{chapter}/{name}.flac" for chapter in chapters for name in self._chapter(chapter)}
        return sorted(named | {path for path in files if path.endswith(".flac")})

    @cached_property
    def _sexes(self) -> Mapping[str, str]:
        """Sex by speaker from lines `ID | SEX | SUBSET | MINUTES | NAME`; a name may hold `|` too."""
        text = self._text(_SPEAKERS).splitlines()
        lines = [(n, line) for n, line in enumerate(text, 1) if not line.startswith(";")]
        every = ((n, [cell.strip() for cell in line.split("|")]) for n, line in lines)
        rows = [(n, row) for n, row in every if len(row) >= 5]
        refuse_repeated(self.root / _SPEAKERS, ((n, row[0]) for n, row in rows), what="speaker")
        return {row[0]: row[1] for _, row in rows}

    @cached_property
    def _transcripts_of(self) -> dict[str, Mapping[str, str]]:
        """Transcripts by chapter and utterance, as far as they were read."""
        return {}

    def _chapter(self, chapter: str) -> Mapping[str, str]:
        read = self._transcripts_of
        if chapter not in read:
            lines = [line.partition(" ") for line in self._text(_transcripts(chapter)).splitlines()]
            named = ((n, name) for n, (name, _, _) in enumerate(lines, 1) if name)
            refuse_repeated(self.root / _transcripts(chapter), named, what="utterance")
            read[chapter] = {name: " ".join(text.split()) for name, _, text in lines if name}
        return read[chapter]

    def _text(self, path: str) -> str:
        file = locate(self.root, path)
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
            raise CorpusError(
                f"{self._where}: cannot read {str(file)!r}: {reason}; copy it again from {self.release.source}"
            ) from None


def speaker_of(path: str) -> str:
    """Speaker's id in a path `<subset>/<speaker>/<chapter>/<utterance>.flac`."""
    return utterance_of(path).partition("-")[0]


def utterance_of(path: str) -> str:
    """Utterance's id in a path."""
    return posixpath.basename(path).removesuffix(".flac")


def _chapters(files: Iterable[str]) -> set[str]:
    return {posixpath.dirname(path) for path in files}


def _transcripts(chapter: str) -> str:
    speaker, _, number = chapter.rpartition("/")
    return f"{chapter}/{posixpath.basename(speaker)}-{number}.trans.txt"
