"""The noise of the REVERB challenge: 60 eight-channel recordings of six rooms (Kinoshita, 2013)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ...core.errors import ConfigError
from ..protocols.corpus import CORPORA
from .disk.audio_tree import Channel
from .disk.disk_corpus import DiskCorpus, Splits
from .disk.file_entries import FileEntry
from .disk.layout import Release, ReleasePart

_FILE = re.compile(r"(?:Noise_|RVB2014_type1_noise_)(small|medium|large)room([12])_(\d+)\.wav", re.IGNORECASE)
_ROOMS = [f"{size}Room{room}" for size in ("Small", "Medium", "Large") for room in (1, 2)]
_NAMES = {"challenge": "Noise_{}_{}.wav", "slr28": "RVB2014_type1_noise_{}_{}.wav"}
ALL = "all"
"""Split of all recordings, unless `shares` says otherwise: the corpus has no splits."""


@CORPORA.register("reverb_noise")
class ReverbNoise(DiskCorpus):
    """Background noise of the REVERB challenge's training data, in either of its two releases.

    The challenge's own tools have `NOISE/Noise_SmallRoom1_1.wav`, and OpenSLR 28 has it as
    `RIRS_NOISES/real_rirs_isotropic_noises/RVB2014_type1_noise_smallroom1_1.wav`. The label is the room, "SmallRoom1"
    to "LargeRoom2", with ten recordings of each.

    Args:
        channel: 0 ... 7 or "mean"; papers that use this noise rarely say which.
        shares: name of a split to the numbers 1 ... 10 of its recordings of each room; numbers that are not named are
            left out. null: everything is in split "all".
    """

    release = Release(
        title="noise of the REVERB challenge",
        source="OpenSLR 28 (https://openslr.org/28) or the challenge's tools for training data",
    )
    parts = tuple(
        ReleasePart(name=name, folder=folder, splits=(ALL,), files=60)
        for name, folder in (("challenge", "NOISE"), ("slr28", "real_rirs_isotropic_noises"))
    )
    version = "2014"
    licence = "Apache-2.0 (OpenSLR 28)"

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        channel: Channel = 0,
        shares: dict[str, list[int]] | None = None,
        splits: Splits = None,
        allow_missing: bool = False,
    ) -> None:
        self._share_of = _inverted(shares, where=f"corpus {name!r}")
        self._share_names = tuple(shares) if shares else (ALL,)
        super().__init__(name=name, root=root, splits=splits, allow_missing=allow_missing)
        self.channel = channel

    def _layout_parts(self) -> tuple[ReleasePart, ...]:
        return tuple(replace(part, splits=self._share_names) for part in self.parts)

    def _parts_here(self) -> tuple[ReleasePart, ...]:
        there = [part for part in self._layout_parts() if (self.root / part.folder).is_dir()]
        return tuple(there[:1])

    def _list(self, part: ReleasePart) -> Sequence[FileEntry]:
        spelt = str.lower if part.name == "slr28" else str
        known = {
            (room, number): f"{part.folder}/{_NAMES[part.name].format(spelt(room), number)}"
            for room in _ROOMS
            for number in range(1, 11)
        }
        for path in self._found(part.folder):
            if match := _FILE.fullmatch(PurePosixPath(path).name):
                size, room, number = match.groups()
                known[f"{size.capitalize()}Room{room}", int(number)] = path
        return [FileEntry(path=path, label=room, split=ALL, group=path) for (room, _), path in known.items()]

    def _arrange(self, part: ReleasePart, entries: Sequence[FileEntry]) -> Sequence[FileEntry]:
        if self._share_of is None:
            return super()._arrange(part, entries)
        numbers = [int(PurePosixPath(entry.path).stem.rpartition("_")[2]) for entry in entries]
        shared = [(entry, self._share_of.get(number)) for entry, number in zip(entries, numbers, strict=True)]
        return [replace(entry, split=split) for entry, split in shared if split is not None]


def _inverted(shares: Mapping[str, Sequence[int]] | None, *, where: str) -> dict[int, str] | None:
    if shares is None:
        return None
    numbers = [number for names in shares.values() for number in names]
    if not numbers or len(set(numbers)) < len(numbers) or not set(numbers) <= set(range(1, 11)):
        raise ConfigError(
            f"{where}: shares = {dict(shares)}; name each of the numbers 1 ... 10 once at most, and one at least"
        )
    return {number: split for split, names in shares.items() for number in names}
