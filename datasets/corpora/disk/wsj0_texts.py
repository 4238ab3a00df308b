"""Texts that come with WSJ0: transcripts, and the sex of the speakers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ....core.errors import CorpusError

# What was said (.dot), the same in plain words (.lsn), what was to be read (.ptx): best first.
_SUFFIXES = (".dot", ".lsn", ".ptx")
# In .ptx files the number of the prompt follows the utterance.
_TRANSCRIPT = re.compile(r"(.*)\(([0-9a-z]{8})(?:\s[^()]*)?\)\s*", re.IGNORECASE)
_SPEAKER = re.compile(r"([0-9a-z]{3})\s+([fm])\b.*", re.IGNORECASE)
_SPEAKER_FILES = ("doc/spkrinfo.txt", "spkrinfo.txt", "wsj0-train-spkrinfo.txt", "wsj0-eval-spkrinfo.txt")


def read_transcripts(base: Path, folder: str, *, where: str) -> Mapping[str, str]:
    """Transcripts by utterance, from lines `text (utterance)`, in upper case.

    Verbalised punctuation (`,COMMA`) and tags (`[DOOR_SLAM]`) stay, as they are.

    Raises:
        CorpusError: there are no such files, one cannot be read, or a line is of another form.
    """
    files = sorted(
        (_SUFFIXES.index(path.suffix.lower()), path)
        for path in (base / folder).rglob("*")
        if path.suffix.lower() in _SUFFIXES
    )
    if not files:
        raise CorpusError(
            f"{where}: {str(base / folder)!r} holds no transcripts (.dot, .lsn or .ptx); set "
            f"`transcripts` to a folder of them, relative to {str(base)!r}, or leave it out"
        )
    texts: dict[str, str] = {}
    for _, path in files:
        for number, line in enumerate(_lines(path), 1):
            match = _TRANSCRIPT.fullmatch(line)
            if match is None and line.strip():
                raise CorpusError(
                    f"{where}: {str(path)!r}, line {number}: {line.strip()[:60]!r} is not "
                    "`text (utterance)`; correct it"
                )
            if match is not None:
                text = " ".join(match[1].upper().split())
                texts.setdefault(match[2].lower(), text)
    return texts


def read_speakers(base: Path) -> Mapping[str, str]:
    """Sex ("F" or "M") by speaker, from whichever files of LDC are there.

    Their rows begin with the speaker and the sex; remarks begin with a semicolon.
    """
    known: dict[str, str] = {}
    for name in _SPEAKER_FILES:
        path = base / name
        for line in _lines(path) if path.is_file() else ():
            match = _SPEAKER.fullmatch(line.strip())
            if match is not None:
                known[match[1].lower()] = match[2].upper()
    return known


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise CorpusError(f"cannot read {str(path)!r}: {error.strerror}; correct its permissions") from None
