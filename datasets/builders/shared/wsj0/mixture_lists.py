"""The lists of WSJ0-2mix and sets like it: mixtures, active levels and auxiliary utterances."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

from .....core.errors import DatasetError
from ....corpora.disk.csv_table import refuse_repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMixture:
    """One row of a list of mixtures, as it is written."""

    paths: tuple[str, ...]  # utterances, for example `wsj0/si_et_05/445/445c0206.wav`
    snrs: tuple[str, ...]  # one for each utterance, in dB
    auxiliary: str | None = None  # path of the fifth column of the lists of WSJ0-2mix-extr, or None

    @property
    def name(self) -> str:
        """Name of the official files, without suffix and without the auxiliary utterance."""
        return "_".join(chain.from_iterable(zip(self.utterances, self.snrs, strict=True)))

    @property
    def utterances(self) -> tuple[str, ...]:
        """Ids of the utterances."""
        return tuple(utterance_id(path) for path in self.paths)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Speakers of the utterances."""
        return tuple(speaker_of(utterance) for utterance in self.utterances)

    @property
    def repeated_speakers(self) -> frozenset[str]:
        """Speakers who are in the mixture more than once, as in the lists of four and five speakers."""
        return frozenset(speaker for speaker, count in Counter(self.speakers).items() if count > 1)


AMBIGUOUS = "ambiguous_speaker"
"""Key of `Drawn.excluded` for trials on a speaker who is in the mixture more than once."""


def ambiguous_note(rows: Sequence[ListedMixture], *, first: bool) -> tuple[str, ...]:
    """How many rows mix a speaker with himself, and what becomes of their trials on each speaker, or on the first."""
    repeated = [row for row in rows if row.repeated_speakers]
    asked = [(row, speaker) for row in repeated for speaker in (row.speakers[:1] if first else row.speakers)]
    left_out = sum(speaker in row.repeated_speakers for row, speaker in asked)
    if not repeated:
        return ()
    return (
        f"{len(repeated)} of {len(rows)} mixtures hold a speaker more than once; the {left_out} trials on "
        "such speakers are left out, since an enrollment does not say which of their utterances is meant",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAuxiliary:
    """An enrollment that a list gives for one speaker of one mixture."""

    mixture: str
    path: str
    line: int


def read_mixtures(path: Path) -> tuple[ListedMixture, ...]:
    """Read `mix_2_spk_tt.txt` or a list of its form, for any number of speakers.

    Each row has an utterance and its SNR in dB for each speaker, and may end with an auxiliary utterance. A speaker
    may be in a row more than once.
    """
    rows: list[ListedMixture] = []
    names: list[tuple[int, str]] = []
    for line, cells in _rows(path):
        row = _mixture(cells)
        if row is None or (rows and len(row.paths) != len(rows[0].paths)):
            raise DatasetError(
                f"{str(path)!r}, line {line}: {' '.join(cells)!r} is not `utterance SNR` for each "
                "of the speakers, and at most one auxiliary utterance; correct the list"
            )
        rows.append(row)
        names.append((line, "_".join([row.name, *([utterance_id(row.auxiliary)] if row.auxiliary else [])])))
    refuse_repeated(path, names, what="mixture", error=DatasetError)
    return tuple(rows)


def read_auxiliaries(path: Path) -> tuple[ListedAuxiliary, ...]:
    """Read the auxiliary utterances of speakers in mixtures.

    The file is a list of mixtures with an auxiliary utterance in each row, or the `aux.scp` of SpEx+, with rows
    `<mixture>_<auxiliary utterance> <path>`.
    """
    found = []
    for line, cells in _rows(path):
        if len(cells) == 2:
            mixture = cells[0].removesuffix(".wav").rpartition("_")[0]
            found.append(ListedAuxiliary(mixture=mixture, path=cells[1], line=line))
            continue
        row = _mixture(cells)
        if row is None or row.auxiliary is None:
            raise DatasetError(
                f"{str(path)!r}, line {line}: {' '.join(cells)!r} names no auxiliary utterance; "
                "rows are `utterance SNR utterance SNR auxiliary`, or `mixture_auxiliary path`"
            )
        found.append(ListedAuxiliary(mixture=row.name, path=row.auxiliary, line=line))
    return tuple(found)


def read_levels(path: Path) -> Mapping[str, float]:
    """Active levels (mean powers at 8 kHz) by utterance, from a file such as `activlev_si_et_05.txt`."""
    levels: dict[str, float] = {}
    named: list[tuple[int, str]] = []
    for line, cells in _rows(path):
        value = _number(cells[1]) if len(cells) == 2 else None
        if value is None or value <= 0:
            raise DatasetError(
                f"{str(path)!r}, line {line}: {' '.join(cells)!r} is not `utterance level` with a "
                "level above 0; correct the file"
            )
        levels[utterance_id(cells[0])] = value
        named.append((line, utterance_id(cells[0])))
    refuse_repeated(path, named, what="utterance", error=DatasetError)
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


_PARTS = ("si_tr_s", "si_dt_05", "si_et_05")
_UTTERANCE = re.compile(r"[0-9a-z]{8}")
_ROUNDING_DB = 0.5 + 1e-9
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")


def utterance_id(path: str) -> str:
    """The eight characters that name an utterance, whatever folder, case and suffix are.

    `wsj0/si_et_05/445/445c0206.wav`, `445C0206.WV1` and `445c0206` are one utterance.
    """
    name = PurePosixPath(path.replace("\\", "/")).name.partition(".")[0].lower()
    if not _UTTERANCE.fullmatch(name):
        raise DatasetError(
            f"{path!r} does not name an utterance of WSJ0 (eight letters and digits, such as "
            "445c0206); correct the list"
        )
    return name


def speaker_of(utterance: str) -> str:
    """The first three characters of an utterance's id."""
    return utterance[:3]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureName:
    """Parsed name of a mixture: `<utterance>_<snr>_<utterance>_<snr>[_<auxiliary>]`."""

    utterances: tuple[str, ...]
    snrs_db: tuple[float, ...]
    auxiliary: str | None = None


def parse_name(name: str) -> MixtureName | None:
    """Read the name of a mixture, with or without folders and a suffix such as `.wav`; None if it is none."""
    stem = PurePosixPath(name.replace("\\", "/")).name.lower()
    parts = re.sub(r"\.(wav|flac|wv1)$", "", stem).split("_")
    end = len(parts) // 2 * 2
    utterances, snrs = parts[:end:2], parts[1:end:2]
    named = all(_UTTERANCE.fullmatch(part) for part in parts[::2])
    if not (end and named and all(_NUMBER.fullmatch(snr) for snr in snrs)):
        return None
    return MixtureName(
        utterances=tuple(utterances), snrs_db=tuple(map(float, snrs)), auxiliary=next(iter(parts[end:]), None)
    )


class NameIndex:
    """Finds mixtures by the names that other programs gave them.

    Programs write the SNRs with different numbers of digits: MATLAB `0.059714`, Python `0.05971`, demo pages `0.1`. So
    the SNRs only choose between mixtures of the same utterances, and may differ by as much as rounding to whole dB
    does.

    Args:
        mixture_ids: ids of the mixtures; those of another form are never found.
    """

    def __init__(self, mixture_ids: Iterable[str]) -> None:
        self._known: dict[tuple[str, ...], list[tuple[str, MixtureName]]] = {}
        for mixture_id in mixture_ids:
            parsed = parse_name(mixture_id)
            if parsed is not None:
                self._known.setdefault(parsed.utterances, []).append((mixture_id, parsed))

    def knows(self, name: str) -> bool:
        """Whether a mixture of the same utterances is known."""
        wanted = parse_name(name)
        return wanted is not None and wanted.utterances in self._known

    def match(self, name: str) -> str:
        """Id of the mixture of that name; an auxiliary utterance counts where both have one."""
        wanted = parse_name(name)
        if wanted is None:
            raise DatasetError(
                f"{name!r} is not the name of a WSJ0 mixture; it should look like "
                "445c0206_0.60431_22gc0105_-0.60431.wav"
            )
        fitting = [
            (distance, mixture_id)
            for mixture_id, parsed in self._known.get(wanted.utterances, [])
            if None in {wanted.auxiliary, parsed.auxiliary} or wanted.auxiliary == parsed.auxiliary
            if (distance := _snr_distance_db(wanted, parsed)) <= _ROUNDING_DB
        ]
        nearest = [found for distance, found in fitting if distance == min(fitting)[0]]
        if len(nearest) != 1:
            listed = f" ({', '.join(nearest)})" if nearest else ""
            raise DatasetError(
                f"{len(nearest) or 'no'} mixtures{listed} fit the utterances and SNRs of {name!r}; "
                "is it of another list?"
            )
        return nearest[0]


def _snr_distance_db(one: MixtureName, other: MixtureName) -> float:
    return max(abs(a - b) for a, b in zip(one.snrs_db, other.snrs_db, strict=True))


def part_of(path: str) -> str:
    """The folder of WSJ0 that a path names: `si_et_05` of `wsj0/si_et_05/445/445c0206.wav`.

    Copies at another rate (`si_et_05_8k`) count as the folder that they were made from.
    """
    for folder in PurePosixPath(path.lower().replace("\\", "/")).parts[:-1]:
        for part in _PARTS:
            if folder.startswith(part):
                return part
    raise DatasetError(f"{path!r} does not name a folder of WSJ0 ({', '.join(_PARTS)}); correct the list")
