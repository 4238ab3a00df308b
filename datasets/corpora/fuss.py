"""FUSS: sources, rooms and mixtures for universal separation (Wisdom et al., 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ...core.errors import ConfigError, CorpusError, suggest
from ..protocols.corpus import CORPORA, Recording
from .disk.csv_table import refuse_repeated
from .disk.disk_corpus import DiskCorpus
from .disk.file_entries import FileEntry, locate
from .disk.layout import Release, ReleasePart
from .fsd50k import Fsd50k, LabelledClip

BACKGROUND, FOREGROUND = "background", "foreground"
_BACKGROUND_S = 10.0
_FOLDERS = {"train": "train", "valid": "validation", "test": "eval"}
_SOURCES = {"train": 7237, "valid": 2883, "test": 2257}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One released mixture, which is the sum of its sources; paths relative to the root."""

    mixture: str
    background: str
    foregrounds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One simulated room: impulse responses by role, paths relative to the root."""

    name: str
    background: tuple[str, ...]
    foreground: tuple[str, ...]


@CORPORA.register("fuss")
class Fuss(DiskCorpus):
    """FUSS as Zenodo has it, splits "train", "valid" (validation) and "test" (eval).

    The recordings are the sources in `fsd_data/<split>/sound`. Their label is "background" if they are longer than 10
    s, else "foreground", as in the released mixtures; FUSS has no classes, but `classes` finds them in FSD50K. The
    released mixtures and rooms are read by path, see `examples` and `rooms`.
    """

    # Rooms have one microphone; of a file with more channels the first is used, as in the released mixtures.
    channel = 0

    release = Release(title="FUSS", source="Zenodo record 3743844 (https://zenodo.org/records/3743844)")
    parts = tuple(
        ReleasePart(name=split, folder=f"fsd_data/{folder}/sound", splits=(split,), files=_SOURCES[split])
        for split, folder in _FOLDERS.items()
    )
    other_folders = ("ssdata", "ssdata_reverb", "rir_data")
    version = "Zenodo 3743844"
    licence = "CC-BY-4.0; sources CC0-1.0"

    def examples(self, split: str, *, reverb: bool) -> tuple[Example, ...]:
        """The released mixtures of a split, in the order of their list."""
        folder = "ssdata_reverb" if reverb else "ssdata"
        file = self.root / folder / f"{self._folder(split)}_example_list.txt"
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise CorpusError(
                f"{self._where}: cannot read {str(file)!r}: {error.strerror}; get FUSS_{folder} "
                f"from {self.release.source}"
            ) from None
        rows = [(n, line.split("\t")) for n, line in enumerate(lines, start=1) if line.strip()]
        refuse_repeated(file, ((n, cells[0].strip()) for n, cells in rows), what="mixture")
        return tuple(self._example(folder, cells, f"{str(file)!r}, line {n}") for n, cells in rows)

    def rooms(self, split: str) -> tuple[Room, ...]:
        """The simulated rooms of a split, sorted by name."""
        folder = f"rir_data/{self._folder(split)}"
        files: dict[str, list[str]] = {}
        for path in self._found(folder) if (self.root / folder).is_dir() else ():
            files.setdefault(PurePosixPath(path).parent.name, []).append(path)
        if not files:
            raise CorpusError(
                f"{self._where}: no rooms in {str(self.root / folder)!r}; get FUSS_rir_data from {self.release.source}"
            )
        return tuple(
            Room(name=name, background=_of_role(BACKGROUND, files[name]), foreground=_of_role(FOREGROUND, files[name]))
            for name in sorted(files)
        )

    def classes(self, fsd50k: Fsd50k) -> Mapping[str, LabelledClip]:
        """Clips of FSD50K by path of a source (names are Freesound ids); a few sources are not in FSD50K's release."""
        clips = {clip.fname: clip for clip in fsd50k.ground_truth}
        paths = sorted(entry.path for part in self._wanted() for entry in self._list(part))
        ids = {path: PurePosixPath(path).stem for path in paths}
        return {path: clips[fname] for path, fname in ids.items() if fname in clips}

    def split_of(self, path: str) -> str | None:
        """The split of a source, a released mixture or a room: its second folder."""
        folder = PurePosixPath(path).parts[1:2]
        return next((split for split, name in _FOLDERS.items() if (name,) == folder), None)

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        paths = self._found(part.folder)
        return [FileEntry(path=p, label=FOREGROUND, split=part.name, group=p) for p in paths]

    def _recordings_from(self, entries: Sequence[FileEntry]) -> tuple[Recording, ...]:
        return tuple(
            replace(r, label=BACKGROUND) if r.frames > _BACKGROUND_S * r.sample_rate_hz else r
            for r in super()._recordings_from(entries)
        )

    def _folder(self, split: str) -> str:
        if split not in _FOLDERS:
            raise ConfigError(f"{self._where}: no split {split!r}{suggest(split, _FOLDERS)}")
        return _FOLDERS[split]

    def _example(self, folder: str, cells: Sequence[str], line: str) -> Example:
        paths = [f"{folder}/{cell.strip()}" for cell in cells]
        for path in paths:
            locate(self.root, path)
        names = [PurePosixPath(path).name for path in paths[1:]]
        if not names or not names[0].startswith(BACKGROUND):
            raise CorpusError(
                f"{self._where}: {line}: {len(names)} sources, of which the first is not a "
                f"background; get FUSS_{folder} again from {self.release.source}"
            )
        return Example(mixture=paths[0], background=paths[1], foregrounds=tuple(paths[2:]))


def _of_role(role: str, paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(path for path in paths if PurePosixPath(path).name.startswith(role)))
