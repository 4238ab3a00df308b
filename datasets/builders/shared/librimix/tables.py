"""LibriMix's tables: mixtures, and lengths of utterances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .....core.errors import CorpusError
from ....corpora.disk.csv_table import CsvTable

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
    ids = table.full_column("mixture_ID", option=_OPTION)
    speech = [_parts(table, f"source_{number}") for number in range(1, speakers + 1)]
    noise: Sequence[ScaledFile | None] = [None] * len(ids)
    if "noise_path" in table.header:
        noise = _parts(table, "noise")
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise CorpusError(f"{str(table.path)!r} has mixture_ID {twice!r} twice; restore the file")
    return tuple(
        LibriMixRow(mixture_id=name, speech=tuple(parts), noise=background)
        for name, background, *parts in zip(ids, noise, *speech, strict=True)
    )


def utterance_rows(table: CsvTable) -> dict[str, Utterance]:
    """Utterances by path, of a table `speaker_ID, sex, subset, length, origin_path`.

    Raises:
        CorpusError: a column is missing, a cell is empty, or a length is no number of samples.
    """
    columns = [
        table.full_column(name, option=_OPTION) for name in ("origin_path", "speaker_ID", "sex", "length")
    ]
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
        raise CorpusError(
            f"{str(table.path)!r}, line {line}: {column} = {cell!r} is not a number; restore the file"
        )
    return gain


def _frames(table: CsvTable, line: int, cell: str) -> int:
    if not cell.isdecimal() or int(cell) == 0:
        raise CorpusError(
            f"{str(table.path)!r}, line {line}: length = {cell!r} is not a number of samples; "
            "restore the file"
        )
    return int(cell)
