"""Listing of a folder tree of the user's own: links are followed, and names are compared in Unicode's NFC.

A tree may be put together by links: a speaker's folder on another disk, a hub's cache, DVC or git-annex. A link to a
folder that is being listed already is not entered again, and a link that leads nowhere is named. Paths are relative to
the folder listed, with forward slashes, in NFC, sorted: the same on every machine, whatever form its disk keeps.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from .errors import CorpusError, TsebenchError

_Kind = Literal["folder", "file", "broken", "other"]
_Place = tuple[int, int]
"""Device and inode of a folder."""

_MOST_WAYS = 1000  # into one folder; a few that link to each other make millions of paths

# A broken link called `notes.txt` was a file; one called `1188` or `day.2` may have been a folder of recordings.
_FILE_NAME = re.compile(r".+\.[A-Za-z][A-Za-z0-9]{0,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTree:
    """Visible files below a folder, and links that lead nowhere."""

    folder: Path
    files: tuple[str, ...]
    broken: tuple[str, ...] = ()

    def of(self, suffixes: Collection[str]) -> list[str]:
        """Files with one of some suffixes (in lower case), broken links among them.

        Raises:
            CorpusError: a name is not UTF-8, which no table of scores and no page can hold.
        """
        found = sorted(path for path in (*self.files, *self.broken) if suffix_of(path) in suffixes)
        for path in found:
            if not path.isascii() and path.encode(errors="replace").decode() != path:
                raise CorpusError(f"{str(self.folder)!r} holds {path!r}, a name that is not UTF-8; rename it")
        return found

    def lost_folders(self) -> list[str]:
        """Broken links that may have led to folders."""
        return [path for path in self.broken if not _FILE_NAME.fullmatch(PurePosixPath(path).name)]


def suffix_of(path: str) -> str:
    """Suffix of a path in lower case, as `PurePath.suffix` has it, at a tenth of its time."""
    name = path.rpartition("/")[2]
    if name in {"", "."}:
        name = PurePosixPath(path).name
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def list_tree(folder: Path, *, error: type[TsebenchError] = CorpusError) -> FileTree:
    """All files below a folder, without hidden files and folders.

    Raises:
        TsebenchError: of the class `error`; a folder cannot be listed, links lead to it in too many ways, or two names
            differ only in normalisation.
    """
    spelt: dict[str, str] = {}
    files: list[str] = []
    broken: list[str] = []
    for path, kind in _walk(folder, error):
        normal = nfc(path)
        if spelt.setdefault(normal, path) != path:
            one, other = (ascii(name) for name in sorted((spelt[normal], path)))
            raise error(
                f"{str(folder)!r} holds {one} and {other}, which differ only in the Unicode normalisation of their "
                "names; remove or rename one of them"
            )
        if kind != "folder":
            (files if kind == "file" else broken).append(normal)
    return FileTree(folder=folder, files=tuple(sorted(files)), broken=tuple(sorted(broken)))


def broken_links(tree: FileTree, lost: Collection[str]) -> str:
    """The number of some broken links of a tree, and the first of them with its target, as part of a message."""
    first = min(lost)
    try:
        target = str(as_spelt(tree.folder, first).readlink())
    except OSError:
        target = "?"
    many = f"{len(lost)} link{'s' if len(lost) > 1 else ''}"
    return f"{many} below {str(tree.folder)!r} lead nowhere, the first is {first!r} to {target!r}"


def nfc(text: str) -> str:
    """A name or path in Unicode's composed form, which file names are compared in."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def as_spelt(folder: Path, path: str) -> Path:
    """The file at a relative path, also if its name on disk is in another normal form; it need not exist."""
    exact = folder / path
    if path.isascii() or os.path.lexists(exact):
        return exact
    place = folder
    for part in PurePosixPath(path).parts:
        there = place / part
        if not (part.isascii() or os.path.lexists(there)):
            there = place / _spellings(str(place), _changed(place)).get(nfc(part), part)
        place = there
    return place


def _walk(top: Path, error: type[TsebenchError]) -> Iterator[tuple[str, _Kind]]:
    """Relative paths of what is below a folder, in no order."""
    waiting: list[tuple[str, str, frozenset[_Place]]] = [(str(top), "", frozenset())]
    entered: Counter[_Place] = Counter()
    while waiting:
        folder, inside, above = waiting.pop()
        try:
            place = os.stat(folder)  # noqa: PTH116 - called for every folder
            here = (place.st_dev, place.st_ino)
            if here in above:  # a link to a folder that this one lies in
                continue
            with os.scandir(folder) as listed:
                entries = list(listed)
        except OSError as failure:
            raise error(
                f"cannot list the folder {str(failure.filename)!r}: {failure.strerror}; correct its permissions"
            ) from None
        entered[here] += 1
        if entered[here] > _MOST_WAYS:
            raise error(f"links lead to the folder {folder!r} in more than {_MOST_WAYS} ways; remove some of them")
        for entry in entries:
            kind = _kind(entry)
            if entry.name.startswith(".") or kind == "other":
                continue
            yield f"{inside}{entry.name}", kind
            if kind == "folder":
                waiting.append((entry.path, f"{inside}{entry.name}/", above | {here}))


def _kind(entry: os.DirEntry[str]) -> _Kind:
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    except OSError:  # a link that leads to itself, or into a folder that may not be entered
        return "broken"
    return "broken" if entry.is_symlink() else "other"


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _spellings(folder: str, _changed_ns: int) -> dict[str, str]:
    """Names in a folder by their composed form."""
    try:
        return {nfc(name): name for name in os.listdir(folder)}  # noqa: PTH208 - names are enough
    except OSError:
        return {}
