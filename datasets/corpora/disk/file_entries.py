"""Files of a corpus before their headers are read: entries, safe paths, listing folders, held-out groups."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from ....core.errors import ConfigError, CorpusError, TsebenchError


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file before its header is read; `path` is relative to the root of the corpus."""

    path: str
    label: str
    split: str
    group: str
    transcript: str | None = None


def locate(root: Path, path: str, *, error: type[TsebenchError] = CorpusError) -> Path:
    """The file at `path` in `root`; raises `error` if the path is absolute or leads out of the root."""
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


@functools.lru_cache(maxsize=4096)
def _real(folder: Path | str) -> str:
    return os.path.realpath(folder)


def visible_files(root: Path, folder: str, suffixes: Collection[str]) -> Iterator[str]:
    """Paths, relative to the root, of the files in a folder and below, without hidden files and folders."""
    for parent, folders, files in os.walk(root / folder, onerror=refuse_folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = Path(parent).relative_to(root)
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield (inside / name).as_posix()


def refuse_folder(error: OSError) -> NoReturn:
    """Raise the CorpusError of a folder that cannot be listed."""
    raise CorpusError(
        f"cannot list the folder {str(error.filename)!r}: {error.strerror}; correct its permissions"
    ) from None


def checked_share(share: float, *, where: str) -> float:
    """The option `valid_share`; ConfigError if it is not in [0, 1)."""
    if not 0 <= share < 1:
        raise ConfigError(f"{where}: valid_share = {share}; set it to 0 or more, below 1")
    return share


def hold_out(entries: Iterable[FileEntry], share: float, *, where: str) -> list[FileEntry]:
    """Move a share of the groups of "train" to "valid", at least one.

    The groups with the smallest SHA-256 go, so that neither order nor machine matters.
    """
    known = list(entries)
    groups = {entry.group for entry in known if entry.split == "train"}
    if len(groups) < 2:
        raise CorpusError(
            f"{where}: `valid_share` = {share} takes groups from the split 'train', which has {len(groups)} of them "
            f"(splits: {', '.join(sorted({e.split for e in known}))}); set it to 0, or set `splits` and `group_column`"
        )
    ranked = sorted(groups, key=lambda group: hashlib.sha256(group.encode()).digest())
    chosen = set(ranked[: min(max(1, round(share * len(ranked))), len(ranked) - 1)])
    return [replace(e, split="valid") if e.split == "train" and e.group in chosen else e for e in known]
