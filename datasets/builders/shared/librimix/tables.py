"""LibriMix's tables: mixtures, and lengths of utterances."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .....core.errors import CorpusError, DatasetError
from ....corpora.disk.csv_table import CsvTable
from ....corpora.librispeech import speaker_of, utterance_of
from ....types import MixtureClip

_OPTION = "metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledFile:
    """One recording of a mixture: its path in its corpus, and its linear gain at 16 kHz."""

    path: str
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LibriMixRow:
    """One mixture: its id, its utterances s1, s2, ..., and its noise."""

    mixture_id: str
    speech: tuple[ScaledFile, ...]
    noise: ScaledFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A line of LibriMix's lists of LibriSpeech, which hold what is 3 s and longer."""

    path: str
    speaker: str
    sex: str
    frames: int


def mixture_rows(table: CsvTable) -> tuple[LibriMixRow, ...]:
    """Rows of a table `mixture_ID, source_1_path, source_1_gain, ..., noise_path, noise_gain`."""
    speakers = 1
    while f"source_{speakers + 1}_path" in table.header:
        speakers += 1
    ids = table.key_column("mixture_ID", option=_OPTION)
    speech = [_parts(table, f"source_{number}") for number in range(1, speakers + 1)]
    noise: Sequence[ScaledFile | None] = [None] * len(ids)
    if "noise_path" in table.header:
        noise = _parts(table, "noise")
    return tuple(
        LibriMixRow(mixture_id=name, speech=tuple(parts), noise=background)
        for name, background, *parts in zip(ids, noise, *speech, strict=True)
    )


def utterance_rows(table: CsvTable) -> dict[str, Utterance]:
    """Utterances by path, of a table `speaker_ID, sex, subset, length, origin_path`."""
    table.key_column("origin_path", option=_OPTION)
    columns = [table.full_column(name, option=_OPTION) for name in ("origin_path", "speaker_ID", "sex", "length")]
    return {
        path: Utterance(path=path, speaker=speaker, sex=sex, frames=_frames(table, line, length))
        for line, path, speaker, sex, length in zip(table.lines, *columns, strict=True)
    }


def subset_of(path: str) -> str:
    """Subset of a path, for example "test-clean"."""
    return path.partition("/")[0]


def _parts(table: CsvTable, name: str) -> list[ScaledFile]:
    paths = table.full_column(f"{name}_path", option=_OPTION)
    gains = table.full_column(f"{name}_gain", option=_OPTION)
    return [
        ScaledFile(path=path, gain=_gain(table, line, f"{name}_gain", gain))
        for line, path, gain in zip(table.lines, paths, gains, strict=True)
    ]


def _gain(table: CsvTable, line: int, column: str, cell: str) -> float:
    try:
        gain = float(cell)
    except ValueError:
        gain = math.nan
    if not math.isfinite(gain):
        raise CorpusError(f"{str(table.path)!r}, line {line}: {column} = {cell!r} is not a number; restore the file")
    return gain


def _frames(table: CsvTable, line: int, cell: str) -> int:
    if not cell.isdecimal() or int(cell) == 0:
        raise CorpusError(
            f"{str(table.path)!r}, line {line}: length = {cell!r} is not a number of samples; restore the file"
        )
    return int(cell)


Place = tuple[str, str]
"""A source of a mixture: ids of both."""


def places_of(rows: Iterable[LibriMixRow], targets: Callable[[LibriMixRow], Iterable[str]]) -> dict[str, list[Place]]:
    """The sources that can be targets, by speaker."""
    found: dict[str, list[Place]] = {}
    for row in rows:
        for name in targets(row):
            found.setdefault(speaker_of(source_file(row, name).path), []).append((row.mixture_id, name))
    return found


Kind = Literal["other", "same_utterance", "same_file"]


class EnrollmentMap:
    """The file that each target is enrolled with.

    Lines are such as `A-1_B-2 A-1 s1/A-3_C-4`: mixture, target utterance, folder and name of the enrollment; `where`
    names the map in messages.
    """

    def __init__(self, lines: Iterable[tuple[int, str]], *, where: str, rows: Mapping[str, LibriMixRow]) -> None:
        self._where, self._rows = where, rows
        self._clips: dict[tuple[str, str], MixtureClip] = {}
        entries: dict[tuple[str, str], int] = {}
        for number, line in lines:
            cells = line.split()
            source, separator, mixture = cells[-1].partition("/")
            if len(cells) != 3 or not separator:
                raise CorpusError(
                    f"{where}: line {number} is {line[:80]!r}, not `mixture utterance s1/mixture`; correct it"
                )
            key = (cells[0], cells[1])
            if entries.setdefault(key, number) != number:
                raise CorpusError(
                    f"{where}, lines {entries[key]} and {number}: {' '.join(key)!r} is given twice; remove one"
                )
            self._clips[key] = MixtureClip(mixture_id=mixture, source_id=source)

    def clip(self, row: LibriMixRow, target_id: str) -> MixtureClip:
        """The enrollment of a target."""
        target = source_file(row, target_id)
        clip = self._clips.get((row.mixture_id, utterance_of(target.path)))
        if clip is None:
            raise DatasetError(
                f"{self._where} has no line for mixture {row.mixture_id!r} and utterance "
                f"{utterance_of(target.path)!r}; name the map of this set"
            )
        named = f"{self._where}: {clip.source_id}/{clip.mixture_id}, for mixture {row.mixture_id!r}"
        other = self._rows.get(clip.mixture_id)
        if other is None or clip.source_id not in {f"s{n}" for n in range(1, len(other.speech) + 1)}:
            raise DatasetError(f"{named}, is not in this set; name the set's own map")
        speaker, wanted = speaker_of(source_file(other, clip.source_id).path), speaker_of(target.path)
        if speaker != wanted:
            raise DatasetError(f"{named}, is speaker {speaker!r}, but the target is {wanted!r}; correct the map")
        return clip

    def kind(self, row: LibriMixRow, target_id: str) -> Kind:
        """Whether the enrollment is another utterance than the target, the same one, or the very file."""
        clip = self.clip(row, target_id)
        if (clip.mixture_id, clip.source_id) == (row.mixture_id, target_id):
            return "same_file"
        enrolled = source_file(self._rows[clip.mixture_id], clip.source_id)
        return "same_utterance" if enrolled.path == source_file(row, target_id).path else "other"

    def leak_note(self, targets: Iterable[tuple[LibriMixRow, str]], *, left_out: bool) -> str:
        """Note of a card on enrollments that are the target's own utterance."""
        kinds = Counter(self.kind(row, name) for row, name in targets)
        then = "are left out" if left_out else "stay, as in the standard protocol"
        return (
            f"of {kinds.total()} enrollments, {kinds['same_utterance'] + kinds['same_file']} are of the target's own "
            f"utterance, {kinds['same_file']} of these its very file; these trials {then}"
        )


def source_file(row: LibriMixRow, source_id: str) -> ScaledFile:
    """The recording of source s1, s2, ... of a mixture."""
    return row.speech[int(source_id[1:]) - 1]
