"""Times at which a speaker speaks: from RTTM files, from cells of a table, from a clean signal; as sorted spans."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import CorpusError
from .types import Spans

_SPAN = re.compile(r"\s*([0-9.]+)\s*-\s*([0-9.]+)\s*")
_FRAME_S = 0.01
_RANGE_DB = 40.0  # below the loudest frame
_PAUSE = 20  # frames; shorter pauses are speech
_DIGITS = 4  # of a second, so that 0.30000000000000004 is 0.3


def joined(spans: Iterable[tuple[float, float]]) -> Spans:
    """The same times sorted, and without overlap; empty spans go."""
    found: list[tuple[float, float]] = []
    for start, end in sorted((round(a, _DIGITS), round(b, _DIGITS)) for a, b in spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif end > start:
            found.append((start, end))
    return tuple(found)


def cut(spans: Iterable[tuple[float, float]], start_s: float, end_s: float = math.inf) -> Spans:
    """The part of the times in a stretch of the recording, counted from its beginning."""
    return joined((max(0.0, a - start_s), min(b, end_s) - start_s) for a, b in spans if b > start_s and a < end_s)


def spans_of(text: str, *, where: str) -> Spans:
    """Spans of a cell such as "0.52-3.10; 4.0-5.2", in s; CorpusError if it is something else."""
    parts = [part for part in text.split(";") if part.strip()]
    found = [_SPAN.fullmatch(part) for part in parts]
    spans = [(_seconds(m[1]), _seconds(m[2])) if m else (math.nan, math.nan) for m in found]
    for part, (start, end) in zip(parts, spans, strict=True):
        if not start < end:  # also True for NaN
            raise CorpusError(
                f"{where}: activity {part.strip()[:60]!r} is no stretch of time; write seconds as in '0.52-3.10; 4-5.2'"
            )
    return joined(spans)


def read_rttm(path: Path) -> dict[str, dict[str, Spans]]:
    """Activity by recording and speaker of an RTTM file (NIST RT-09, lines `SPEAKER file 1 start length ... name`).

    Raises:
        CorpusError: the file cannot be read, or a line of a speaker has no times.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}") from None
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for number, line in enumerate(lines, 1):
        cells = line.split()
        if not cells or cells[0] != "SPEAKER":
            continue
        start, length = (_seconds(cells[3]), _seconds(cells[4])) if len(cells) >= 8 else (math.nan, math.nan)
        if not (start >= 0.0 and length >= 0.0):
            raise CorpusError(
                f"{str(path)!r}, line {number}: no times of a speaker; RTTM has `SPEAKER file 1 start length <NA> <NA> "
                "name ...`"
            )
        found.setdefault(cells[1], {}).setdefault(cells[7], []).append((start, start + length))
    return {name: {who: joined(spans) for who, spans in each.items()} for name, each in found.items()}


def speech_times(signal: NDArray[np.float32], *, sample_rate_hz: int) -> list[tuple[float, float]]:
    """Times (start, end) in s in which a signal [T] is within 40 dB of its loudest 10 ms; pauses under 0.2 s count."""
    size = max(1, round(_FRAME_S * sample_rate_hz))
    count = -(-len(signal) // size)
    padded = np.zeros(count * size, dtype=np.float64)
    padded[: len(signal)] = signal
    energy = np.square(padded).reshape(count, size).sum(axis=1)
    if not energy.size or energy.max() <= 0.0:
        return []
    loud = np.flatnonzero(energy > energy.max() * 10 ** (-_RANGE_DB / 10))
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > _PAUSE) + 1)
    length_s = len(signal) / sample_rate_hz
    frame_s = size / sample_rate_hz
    return [(float(p[0]) * frame_s, min(length_s, float(p[-1] + 1) * frame_s)) for p in parts]


def share_covered(own: Spans, others: Iterable[Spans]) -> float | None:
    """Share (0..1) of a speaker's time in which any other speaks; None without any time of its own."""
    rest = joined(span for spans in others for span in spans)
    shared = sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in own for b in rest)
    total = sum(end - start for start, end in own)
    return shared / total if total > 0 else None


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return math.nan
    return found if math.isfinite(found) else math.nan
