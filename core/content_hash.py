"""Hashes of the contents of files and folders, within bounds."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MAX_FILES = 1000
MAX_BYTES = 1 << 30
"""A folder with more files or bytes is not read, see `folder_hash`."""

_REMEMBERED_BYTES = 1 << 20
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "mlruns", "mlartifacts"}
_SKIPPED_FILES = re.compile(r".*\.pyc|.*\.part|mlflow\.db.*|\.DS_Store")
_CACHED_SCORES = re.compile(r"/scores/[0-9a-f]{2}/[0-9a-f]{64}/\d{5}\.[^/]*$")
# Folders that hold one of these were written by tsebench, or are virtual environments.
_MARKS = ("run.json", "pyvenv.cfg")
_DATASET = ("card.json", "mixtures.jsonl")
_CONFIG = re.compile(rb"^(datasets|builder):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ContentHash:
    """SHA-256 (hex) of contents; `beyond` says what was too large to be read, or "" if all is covered."""

    digest: str
    beyond: str = ""


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file; a large one is read again only after it changed (within this process).

    Raises:
        OSError: it cannot be read.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is neither a file nor a folder", str(path))
    if found.st_size < _REMEMBERED_BYTES:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    state = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_dev, found.st_ino)
    return _large_file(os.path.realpath(path), state)


def folder_hash(folder: Path, *, bounded: bool = True) -> ContentHash:
    """Names and contents of all files below a folder; links to files and folders are followed.

    Left out are hidden folders, empty files, byte code, virtual environments, MLflow's stores, tsebench's configs, and
    the run folders, datasets and scores that it writes: what a run leaves behind does not change a program.

    Args:
        bounded: read nothing if there are more than `MAX_FILES` files or `MAX_BYTES` bytes, or one cannot be read.

    Raises:
        OSError: a file cannot be read, though there are no bounds.
    """
    try:
        files = _listed(folder, bounded=bounded)
        if files is None:
            limits = f"{MAX_FILES:,} files or {MAX_BYTES >> 30} GiB"
            return ContentHash(digest="", beyond=f"folder {str(folder)!r} holds more than {limits}")
        named = sorted((path.relative_to(folder).as_posix(), path) for path in files)
        return ContentHash(_joined(f"{name}\0{file_sha256(path)}" for name, path in named if not _is_config(path)))
    except OSError as error:
        if not bounded:
            raise
        return ContentHash(digest="", beyond=f"folder {str(folder)!r} cannot be read whole ({error.strerror})")


def content_hash(paths: Iterable[Path], *, bounded: bool = True) -> ContentHash:
    """Hash of files and folders, in order and without the paths that lead to them; raises as `folder_hash`."""
    parts = [folder_hash(p, bounded=bounded) if p.is_dir() else ContentHash(file_sha256(p)) for p in paths]
    return ContentHash(_joined(part.digest for part in parts), "; ".join(part.beyond for part in parts if part.beyond))


def exists(name: str) -> bool:
    """Whether a text names a file or a folder, and no device or pipe; never an error."""
    try:
        return bool(name.strip()) and (Path(name).is_file() or Path(name).is_dir())
    except (OSError, ValueError):  # too long for a file name, or with a zero byte
        return False


@lru_cache(maxsize=4096)
def _large_file(path: str, _state: tuple[int, ...]) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(folder: Path, *, bounded: bool) -> list[Path] | None:
    """Files below a folder; None if there are too many."""
    files: list[Path] = []
    size = 0
    for path in _files(folder):
        files.append(path)
        size += path.stat().st_size
        if bounded and (len(files) > MAX_FILES or size > MAX_BYTES):
            return None
    return files


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder; each folder once, however many links lead to it."""
    seen: set[str] = set()
    cache = os.environ.get("TSEBENCH_CACHE")
    left_out = os.path.realpath(cache) if cache else None
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(place)
        written = place != str(folder) and (any(mark in names for mark in _MARKS) or {*_DATASET} <= {*names})
        if real in seen or real == left_out or written:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS and not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            skipped = _SKIPPED_FILES.fullmatch(name) or _CACHED_SCORES.search(path.as_posix())
            if not skipped and path.is_file() and path.stat().st_size:
                yield path


def _raise(error: OSError) -> None:
    raise error


def _is_config(path: Path) -> bool:
    """Whether a file is a config of a run or of a dataset, which no program reads."""
    if path.suffix not in {".yaml", ".yml"}:
        return False
    keys = set(_CONFIG.findall(path.read_bytes()))
    return b"builder" in keys or (b"datasets" in keys and b"\nsystems:" in b"\n" + path.read_bytes())


def _joined(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()
