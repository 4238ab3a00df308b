"""Geometry of the axes and bars of the pages; the templates draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ....bench.statistics.aggregate import Aggregate
from ...leaderboard.board import Entry, Table

_FAR = 5.0  # an oracle this many times beyond the next value is off the scale
_STUB = 0.05  # of the axis
_EDGE = 92.0  # percent: labels of later ticks end at their tick, so that they stay inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar from zero to the mean with its whisker; positions in percent of the track.

    `cut` says that the value lies outside the axis.
    """

    entry: Entry
    cell: Aggregate | None
    cut: bool = False
    start: float = 0.0
    width: float = 0.0
    whisker: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """The bars of one table; `zero` is where the value 0 lies, in percent."""

    bars: tuple[Bar, ...]
    zero: float


def bars(table: Table) -> Bars:
    """Bars of the primary metric, in the order of the table."""
    cells = [table.primary_cell(entry) for entry in table.entries]
    low, high = axis([table])
    # Room for the stub of a bar that is cut, where the axis would end at zero.
    stub = _STUB * (high - low)
    if any(cell is not None and cell.mean < low for cell in cells):
        low -= stub
    if any(cell is not None and cell.mean > high for cell in cells):
        high += stub
    scale = 100.0 / (high - low)
    pairs = zip(table.entries, cells, strict=True)
    return Bars(bars=tuple(_bar(entry, cell, low, scale) for entry, cell in pairs), zero=-low * scale)


def axis(tables: Sequence[Table]) -> tuple[float, float]:
    """Limits of the axis: zero, and means and intervals of systems that are neither perfect nor silent.

    A perfect oracle (100 dB) or a silent system (−120 dB) would squash all the others, so a cell with floored values
    alone, or an oracle many times beyond the rest, does not stretch the axis.
    """
    cells = [(e, cell) for t in tables for e in t.entries if (cell := t.primary_cell(e))]
    plain = sorted(
        ((e, cell) for e, cell in cells if cell.n_floored < cell.n and math.isfinite(cell.mean)),
        key=lambda item: abs(item[1].mean),
    )
    ends, largest = [0.0], math.nan
    for entry, cell in plain:
        if entry.facts.privileged and abs(cell.mean) > _FAR * largest > 0.0:
            continue
        ends += [end for end in (cell.mean, cell.ci_low, cell.ci_high) if math.isfinite(end)]
        largest = abs(cell.mean)
    low, high = min(ends), max(ends)
    return (low, high) if high > low else (low, low + 1.0)


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) within [low, high]."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * (1.0 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


class Tick(NamedTuple):
    """A tick: its place in percent, its label, and "start", "end" or "" for the side where the label begins."""

    place: float
    label: str
    side: str = ""


def time_ticks(duration_s: float, *, about: int) -> list[Tick]:
    """Round numbers of seconds along a track; the last one has the unit."""
    if not duration_s > 0.0:
        return []
    values = ticks(0.0, duration_s, about=about)
    places = [100.0 * value / duration_s for value in values]
    sides = ["start" if place == 0.0 else "end" if place > _EDGE else "" for place in places]
    labels = [f"{value:g}" for value in values]
    labels[-1] += " s"
    return [Tick(*each) for each in zip(places, labels, sides, strict=True)]


def frequency_ticks(top_khz: float, *, about: int) -> list[Tick]:
    """Round numbers of kHz from the bottom of a spectrogram to `top_khz`."""
    if not top_khz > 0.0:
        return []
    return [Tick(100.0 * value / top_khz, f"{value:g}") for value in ticks(0.0, top_khz, about=about)]


def _bar(entry: Entry, cell: Aggregate | None, low: float, scale: float) -> Bar:
    if cell is None:
        return Bar(entry=entry, cell=None)

    def place(value: float) -> float:
        return min(100.0, max(0.0, (value - low) * scale))

    left, right = sorted((place(0.0), place(cell.mean)))
    cut = not -1e-6 <= (cell.mean - low) * scale <= 100.0 + 1e-6
    known = not (cut or math.isnan(cell.ci_low))
    return Bar(
        entry=entry,
        cell=cell,
        cut=cut,
        start=left,
        width=right - left,
        whisker=(place(cell.ci_low), place(cell.ci_high)) if known else None,
    )
