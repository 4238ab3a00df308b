"""Which files a folder corpus has: listed by a CSV file, or found in one folder for each label."""

from __future__ import annotations

import functools
import hashlib
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ....core.errors import CorpusError, TsebenchError
from .table import Table, read_table

_SUFFIXES = ".aif .aifc .aiff .au .caf .flac .mp3 .oga .ogg .opus .rf64 .sph .w64 .wav"
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())
TRANSCRIPTS = "transcripts.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of the columns of a metadata file; None where it has no such column."""

    path: str
    label: str
    split: str | None
    group: str | None
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file before its header is read; `path` is relative to the root of the corpus."""

    path: str
    label: str
    split: str
    group: str
    transcript: str | None = None


def locate(root: Path, path: str, *, error: type[TsebenchError] = CorpusError) -> Path:
    """The file at `path` in `root`.

    Raises:
        TsebenchError: of class `error`, if the path is absolute or leads out of the root.
    """
    absolute = path.startswith("/") or os.path.isabs(path)  # noqa: PTH117
    if absolute or "\0" in path or not _inside(root, path):
        raise error(
            f"path {path!r} leads out of the corpus folder {str(root)!r}; paths are relative to it "
            "and links stay inside: move the file there, or choose a root that holds it"
        )
    return root / path


def _inside(root: Path, path: str) -> bool:
    """Whether a path stays below the root when all links are followed."""
    folder, name = os.path.split(os.path.join(root, path))  # noqa: PTH118 - read for every clip
    place = f"{_real(folder)}{os.sep}{name}"
    if name in {"", os.curdir, os.pardir} or os.path.islink(place):  # noqa: PTH114
        place = os.path.realpath(place)
    top = _real(root)
    return place == top or place.startswith(top.rstrip(os.sep) + os.sep)


def listed(root: Path, audio: str, table: Table, columns: Columns, default: str) -> list[Entry]:
    """The files that a metadata file lists.

    Args:
        root: folder of the corpus.
        audio: folder that the listed paths are relative to, relative to the root, normalised.
        table: the metadata file.
        columns: what its columns are called.
        default: split of all files if the table has no column for it.

    Raises:
        CorpusError: a column or a cell is missing, or a path is listed twice or leads out of the
            root.
    """
    paths = _paths(root, audio, table, columns.path)
    blank = ("",) * len(paths)
    labels = table.full_column(columns.label, option="label_column")
    groups = table.column(columns.group, option="group_column") if columns.group else blank
    texts = table.column(columns.text, option="text_column") if columns.text else blank
    splits: Sequence[str] = [default] * len(paths)
    if columns.split:
        splits = table.full_column(columns.split, option="split_column")
    return [
        Entry(path=path, label=label, split=split, group=group or path, transcript=_words(text))
        for path, label, split, group, text in zip(paths, labels, splits, groups, texts, strict=True)
    ]


def found(root: Path, audio: str, default: str) -> list[Entry]:
    """The audio files in the label folders, with the transcripts and speakers of `TRANSCRIPTS`.

    Files that `TRANSCRIPTS` lists and that are not there are among them.

    Args:
        root: folder of the corpus.
        audio: folder of the label folders, relative to the root, normalised.
        default: split of all files.

    Raises:
        CorpusError: a folder cannot be listed, or there are no label folders with audio.
    """
    base = root / audio
    files = [
        posixpath.normpath(file.relative_to(root).as_posix())
        for folder in _visible_folders(base)
        for file in _audio_files(folder)
    ]
    if not files:
        raise CorpusError(
            f"{str(base)!r} has no folders with audio files; make one folder for each label, "
            "as in dog/1.wav, or name a CSV file that lists the files as `metadata`"
        )
    for path in files:
        locate(root, path)
    depth = len(PurePosixPath(audio).parts)
    entries = [
        Entry(path=path, label=PurePosixPath(path).parts[depth], split=default, group=path) for path in files
    ]
    transcripts = root / TRANSCRIPTS
    if not transcripts.exists():
        return entries
    return _with_transcripts(root, audio, transcripts, entries, default)


def assign_splits(
    entries: Iterable[Entry], splits: Mapping[str, Sequence[str]], *, where: str
) -> list[Entry]:
    """Name splits as `splits` says; files whose value it does not name are left out.

    Raises:
        CorpusError: a value that `splits` names does not occur.
    """
    known = list(entries)
    values = {entry.split for entry in known}
    names = {value: split for split, values_ in splits.items() for value in values_}
    absent = sorted(set(names) - values)
    if absent:
        raise CorpusError(
            f"{where}: `splits` names {absent[0]!r} for {names[absent[0]]!r}, but the split column "
            f"holds only {', '.join(sorted(values))}; correct `splits`"
        )
    return [replace(e, split=names[e.split]) for e in known if e.split in names]


def hold_out(entries: Iterable[Entry], share: float, *, where: str) -> list[Entry]:
    """Move a share of the groups of "train" to "valid", at least one.

    The groups with the smallest SHA-256 go, so that neither order nor machine matters.

    Raises:
        CorpusError: "train" has fewer than two groups.
    """
    known = list(entries)
    groups = {entry.group for entry in known if entry.split == "train"}
    if len(groups) < 2:
        raise CorpusError(
            f"{where}: `valid_share` = {share} takes groups from the split 'train', which has "
            f"{len(groups)} of them (splits: {', '.join(sorted({e.split for e in known}))}); "
            "set it to 0, or set `splits` and `group_column`"
        )
    ranked = sorted(groups, key=lambda group: hashlib.sha256(group.encode()).digest())
    chosen = set(ranked[: min(max(1, round(share * len(ranked))), len(ranked) - 1)])
    return [replace(e, split="valid") if e.split == "train" and e.group in chosen else e for e in known]


def _paths(root: Path, audio: str, table: Table, column: str) -> list[str]:
    """Paths of a table relative to the root; every one is inside, and occurs once."""
    cells = table.full_column(column, option="path_column")
    for cell in cells:
        if PurePosixPath(cell).is_absolute():
            locate(root, cell)
    paths = [posixpath.normpath(posixpath.join(audio, cell)) for cell in cells]
    twice = [path for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise CorpusError(f"{str(table.path)!r} lists {twice[0]!r} twice; remove one of the rows")
    for path in paths:
        locate(root, path)
    return paths


def _with_transcripts(root: Path, audio: str, file: Path, entries: list[Entry], default: str) -> list[Entry]:
    table = read_table(file)
    paths = _paths(root, audio, table, "path")
    speakers = table.full_column("speaker", option="metadata")
    texts = table.column("text", option="metadata")
    known = {entry.path: entry for entry in entries}
    for path, speaker, text in zip(paths, speakers, texts, strict=True):
        if path in known or not (root / path).is_file():
            known[path] = Entry(path=path, label=speaker, split=default, group=path, transcript=_words(text))
    return list(known.values())


def _words(text: str) -> str | None:
    """Upper case, without punctuation but for apostrophes; None if nothing is left."""
    return " ".join(re.sub(r"[^\w']|_", " ", text.upper()).split()) or None


def _visible_folders(base: Path) -> Iterator[Path]:
    try:
        children = sorted(base.iterdir())
    except OSError as error:
        _refuse(error)
    for child in children:
        if child.is_dir() and not child.name.startswith("."):
            yield child


def _audio_files(folder: Path) -> Iterator[Path]:
    """Audio files in a folder and the folders below it, but hidden ones."""
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES:
                yield Path(parent) / name


def _refuse(error: OSError) -> NoReturn:
    raise CorpusError(
        f"cannot list the folder {str(error.filename)!r}: {error.strerror}; correct its permissions"
    ) from None


@functools.lru_cache(maxsize=4096)
def _real(folder: Path | str) -> str:
    return os.path.realpath(folder)
