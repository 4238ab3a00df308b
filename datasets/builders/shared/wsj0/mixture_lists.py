"""The lists of WSJ0-2mix and sets like it: mixtures, active levels and auxiliary utterances."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from .....core.errors import DatasetError
from .names import speaker_of, utterance_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMixture:
    """One row of a list of mixtures, as it is written.

    Attributes:
        paths: utterances, for example `wsj0/si_et_05/445/445c0206.wav`.
        snrs: one for each utterance, in dB.
        auxiliary: path of the fifth column of the lists of WSJ0-2mix-extr, or None.
    """

    paths: tuple[str, ...]
    snrs: tuple[str, ...]
    auxiliary: str | None = None

    @property
    def name(self) -> str:
        """Name of the official files, without suffix and without the auxiliary utterance."""
        return "_".join(chain.from_iterable(zip(self.utterances, self.snrs, strict=True)))

    @property
    def utterances(self) -> tuple[str, ...]:
        """Ids of the utterances."""
        return tuple(utterance_id(path) for path in self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAuxiliary:
    """An enrollment that a list gives for one speaker of one mixture."""

    mixture: str
    path: str


def read_mixtures(path: Path) -> tuple[ListedMixture, ...]:
    """Read `mix_2_spk_tt.txt` or a list of its form, for any number of speakers.

    Each row has an utterance and its SNR in dB for each speaker, and may end with an auxiliary utterance.
    """
    rows: list[ListedMixture] = []
    for line, cells in _rows(path):
        row = _mixture(cells)
        if row is None or (rows and len(row.paths) != len(rows[0].paths)):
            raise DatasetError(
                f"{str(path)!r}, line {line}: {' '.join(cells)!r} is not `utterance SNR` for each "
                "of the speakers, and at most one auxiliary utterance; correct the list"
            )
        speakers = [speaker_of(utterance) for utterance in row.utterances]
        if len(set(speakers)) < len(speakers):
            raise DatasetError(
                f"{str(path)!r}, line {line}: a speaker of {', '.join(speakers)} is mixed with "
                "himself; correct the list"
            )
        rows.append(row)
    return tuple(rows)


def read_auxiliaries(path: Path) -> tuple[ListedAuxiliary, ...]:
    """Read the auxiliary utterances of speakers in mixtures.

    The file is a list of mixtures with an auxiliary utterance in each row, or the `aux.scp` of SpEx+, with
    rows `<mixture>_<auxiliary utterance> <path>`.
    """
    found = []
    for line, cells in _rows(path):
        if len(cells) == 2:
            mixture = cells[0].removesuffix(".wav").rpartition("_")[0]
            found.append(ListedAuxiliary(mixture=mixture, path=cells[1]))
            continue
        row = _mixture(cells)
        if row is None or row.auxiliary is None:
            raise DatasetError(
                f"{str(path)!r}, line {line}: {' '.join(cells)!r} names no auxiliary utterance; "
                "rows are `utterance SNR utterance SNR auxiliary`, or `mixture_auxiliary path`"
            )
        found.append(ListedAuxiliary(mixture=row.name, path=row.auxiliary))
    return tuple(found)


def read_levels(path: Path) -> Mapping[str, float]:
    """Active levels (mean powers at 8 kHz) by utterance, from a file such as `activlev_si_et_05.txt`."""
    levels: dict[str, float] = {}
    for line, cells in _rows(path):
        value = _number(cells[1]) if len(cells) == 2 else None
        if value is None or value <= 0:
            raise DatasetError(
                f"{str(path)!r}, line {line}: {' '.join(cells)!r} is not `utterance level` with a "
                "level above 0; correct the file"
            )
        levels[utterance_id(cells[0])] = value
    return levels


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not empty, by number, split at blanks."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DatasetError(f"cannot read list {str(path)!r}: {reason}; replace it") from None
    rows = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise DatasetError(f"list {str(path)!r} has no rows; replace it")
    yield from rows


def _mixture(cells: list[str]) -> ListedMixture | None:
    """A row of a list of mixtures, or None if it is of another form."""
    end = len(cells) // 2 * 2
    paths, snrs = cells[:end:2], cells[1:end:2]
    if end < 4 or any(_number(snr) is None for snr in snrs):
        return None
    return ListedMixture(paths=tuple(paths), snrs=tuple(snrs), auxiliary=next(iter(cells[end:]), None))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
