"""Releases of published corpora: their parts, and finding them in a user's folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ....core.errors import CorpusError


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A published corpus, for messages: its name and version, and the archive or address to get it from."""

    title: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePart:
    """One part of a corpus, which a user may have without the others; `files` is None if the number is not fixed."""

    name: str
    folder: str
    splits: tuple[str, ...]
    files: int | None = None


def find_root(given: Path, folders: Sequence[str], *, release: Release, corpus: str) -> Path:
    """The folder that holds a corpus, so that paths in it are the same for every user.

    Args:
        given: the user's folder: this one, the one above it, or one of `folders` inside.
        folders: folders of the corpus, relative to its root; one of them is enough.
    """
    given = Path(given).expanduser().absolute()
    for candidate in (given, *_above(given, folders)):
        if _holds(candidate, folders):
            return candidate
    below = [child for child in _children(given) if _holds(child, folders)]
    if len(below) == 1:
        return below[0]
    if below:
        names = ", ".join(repr(child.name) for child in below)
        raise CorpusError(
            f"corpus {corpus!r}: {str(given)!r} holds {release.title} more than once "
            f"({names}); name one of these folders"
        )
    written = any((given / name).is_dir() for name in ("wav8k", "wav16k", "mix", "mix_clean", "mix_both"))
    hint = "; it holds files that a set's script wrote: use a config whose name ends in _files" if written else ""
    raise CorpusError(
        f"corpus {corpus!r}: no {release.title} in {str(given)!r}"
        f"{'' if given.is_dir() else ' (no such folder)'}: looked for {' or '.join(folders)}; get "
        f"it from {release.source}, and name its folder with --corpus {corpus}=DIR{hint}"
    )


def _above(given: Path, folders: Sequence[str]) -> Iterator[Path]:
    """The roots that `given` would have if it were one of `folders`, or on the way to one."""
    for folder in folders:
        parts = PurePosixPath(folder).parts
        for depth in range(len(parts), 0, -1):
            if given.parts[-depth:] == parts[:depth]:
                yield given.parents[depth - 1]


def _holds(root: Path, folders: Sequence[str]) -> bool:
    return any((root / folder).is_dir() for folder in folders)


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir())
    except OSError:
        return []
