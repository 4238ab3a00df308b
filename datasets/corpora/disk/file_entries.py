"""Files of a corpus before their headers are read: entries, safe paths, listing folders, held-out groups."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ....core.errors import ConfigError, CorpusError, TsebenchError
from ....core.file_tree import as_spelt, broken_links, list_tree
from ...missing import IncompleteCorpusError


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file before its header is read; `path` is relative to the root of the corpus."""

    path: str
    label: str
    split: str
    group: str
    transcript: str | None = None


def locate(root: Path, path: str, *, error: type[TsebenchError] = CorpusError) -> Path:
    """The file at `path` in `root`, whatever normal form its name has on disk; links are followed wherever they lead.

    Raises:
        TsebenchError: of the class `error`, if the path is absolute or its own folders lead out of the root.
    """
    absolute = path.startswith("/") or os.path.isabs(path)  # noqa: PTH117 - called for every clip
    inside = posixpath.normpath(path) if ".." in path else path
    if absolute or "\0" in path or inside == ".." or inside.startswith("../"):
        raise error(
            f"path {path!r} leads out of the corpus folder {str(root)!r}; paths are relative to it and stay in it: "
            "move the file there, link to it from there, or choose a root that holds it"
        )
    return as_spelt(root, inside)


def visible_files(root: Path, folder: str, suffixes: Collection[str], *, lost: set[str] | None = None) -> list[str]:
    """Paths, relative to the root, of the files in a folder and below, sorted, without hidden files and folders.

    Args:
        lost: gets links that lead nowhere and may have led to folders; None refuses them.

    Raises:
        CorpusError: a folder cannot be listed.
        IncompleteCorpusError: there are such links.
    """
    tree = list_tree(root / folder)
    gone = tree.lost_folders()
    if gone and lost is None:
        line = f"{broken_links(tree, gone)}; make what is behind them available, or remove the links"
        raise IncompleteCorpusError(line, len(gone))
    if lost is not None:
        lost.update(_below(folder, path) for path in gone)
    return [_below(folder, path) for path in tree.of(suffixes)]


def _below(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


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
