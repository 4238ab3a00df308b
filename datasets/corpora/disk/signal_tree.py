"""Mixtures and their signals as the script of a benchmark set wrote them, one file for each."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar

from ....core.errors import CorpusError
from ....core.file_tree import as_spelt
from ...signals.audio import AudioInfo
from ...signals.audio_kinds import AUDIO_SUFFIXES
from .audio_tree import Channel
from .csv_table import CsvTable, read_table
from .disk_corpus import DiskCorpus, Splits
from .file_entries import FileEntry
from .layout import ReleasePart

_MIXED = ("mix", "mix_clean", "mix_both", "mix_single")
_SOURCES = ("s1", "s2", "s3", "s4", "s5", "noise", "aux")
_TOPS = ("wav8k/min", "wav8k/max", "wav16k/min", "wav16k/max")


class SignalTree(DiskCorpus):
    """Files `[wav8k/min/]<part>/<signal>/<mixture>.wav`; signals are the mixture, s1, s2, ..., noise and aux.

    The folders of rate, mode and part may be left out where there is one of them. The label of a file is its signal,
    and its group the mixture that it is a part of.
    """

    def __init__(
        self, *, name: str, root: Path, splits: Splits = None, allow_missing: bool = False, channel: Channel = None
    ) -> None:
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)
        self.channel = channel

    split_names: ClassVar[Mapping[str, str]]
    """Splits by the names of the parts' folders."""

    @cached_property
    def root(self) -> Path:
        """Folder that all paths are relative to: the one of `wav8k` or `wav16k`, or the one given."""
        given = self._given.expanduser().absolute()
        for candidate in (given, *_above(given), *_children(given)):
            if any((candidate / top).is_dir() for top in _TOPS):
                return self._alone(candidate, given)
        for candidate in (given, *_children(given)):
            if any((candidate / folder / "s1").is_dir() for folder in self._folders()):
                return self._alone(candidate, given)
        raise CorpusError(
            f"{self._where}: no {self.release.title} in {str(given)!r}{'' if given.is_dir() else ' (no such folder)'}: "
            f"looked for {', '.join(_TOPS)} and for s1; get it from {self.release.source}, and name its folder with "
            f"--corpus {self.name}=DIR"
        )

    def folder(self, part: str, *, sample_rate_hz: int, mode: str) -> str:
        """Folder of the signals of a part, relative to the root."""
        rate = f"wav{sample_rate_hz // 1000}k"
        full = f"{rate}/{mode}/{part}"
        mixed_rates = any((self.root / top).is_dir() for top in _TOPS)
        short: tuple[str, ...] = () if mixed_rates else (f"{mode}/{part}", part, ".")
        for folder in (full, *short):
            if (self.root / folder / "s1").is_dir():
                return folder
        raise CorpusError(
            f"{self._where}: {str(self.root)!r} has no {full}/s1; make it with the set's script, or correct "
            "`sample_rate_hz`, `mode` and the split"
        )

    def files(self, folder: str, signal: str) -> dict[str, str]:
        """Paths of a signal by mixture, sorted."""
        inside = posixpath.normpath(f"{folder}/{signal}")
        if not (self.root / inside).is_dir():
            return {}
        found: dict[str, str] = {}
        for path in self._found(inside, AUDIO_SUFFIXES):
            name = PurePosixPath(path).stem
            if name in found:
                raise CorpusError(f"{self._where}: {found[name]!r} and {path!r} have one name; remove one")
            found[name] = path
        return found

    def table(self, path: str) -> CsvTable | None:
        """A table of the script, if it is there."""
        file = as_spelt(self.root, posixpath.normpath(path))
        return read_table(file) if file.is_file() else None

    def header(self, path: str) -> AudioInfo:
        """Length, rate and channels of one file; raises as `AudioTree.header`."""
        return self._files.header(path)

    def split_of(self, path: str) -> str | None:
        """The split of a file, by the folder of its part."""
        return next((self.split_names[part] for part in PurePosixPath(path).parts if part in self.split_names), None)

    def _folders(self) -> list[str]:
        tops = (*_TOPS, "min", "max", ".")
        return [*(posixpath.normpath(f"{top}/{part}") for top in tops for part in self.split_names), "."]

    def _layout_parts(self) -> tuple[ReleasePart, ...]:
        every = (*dict.fromkeys(self.split_names.values()),)
        return tuple(
            ReleasePart(name=folder, folder=folder, splits=self._splits_in(folder, every)) for folder in self._folders()
        )

    def _splits_in(self, folder: str, every: Sequence[str]) -> tuple[str, ...]:
        name = PurePosixPath(folder).name
        return (self.split_names[name],) if name in self.split_names else (*every, "all")

    def _parts_here(self) -> tuple[ReleasePart, ...]:
        return tuple(part for part in self._layout_parts() if (self.root / part.folder / "s1").is_dir())

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        split = part.splits[0] if len(part.splits) == 1 else "all"
        return [
            FileEntry(path=path, label=signal, split=split, group=self._group(part.folder, signal, name, path))
            for signal in (*_MIXED, *_SOURCES)
            for name, path in self.files(part.folder, signal).items()
        ]

    def _group(self, folder: str, signal: str, name: str, path: str) -> str:
        """The mixture of a file; an auxiliary utterance is of none."""
        return path if signal == "aux" else posixpath.normpath(f"{folder}/{name}")

    def _alone(self, found: Path, given: Path) -> Path:
        """The folder found, unless it is one of several below the one given."""
        others = [c for c in _children(given) if found.parent == given and any((c / top).is_dir() for top in _TOPS)]
        if len(others) > 1:
            names = ", ".join(repr(other.name) for other in others)
            raise CorpusError(f"{self._where}: {str(given)!r} holds several sets ({names}); name one of these folders")
        return found


def _above(given: Path) -> list[Path]:
    """The roots of which a folder would be one of rate, of mode, or of a part."""
    return [above for above in given.parents[:3] if given.relative_to(above).parts[0] in {"wav8k", "wav16k"}]


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    except OSError:
        return []
