"""The primary metric over two hyper-parameters: options of one system, or the inactive classes.

The options are those of the cards in `run.json`; for example theta against the number of inactive
classes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..board import Column, Entry, Leaderboard, Table
from ..text import number
from ._cells import counts_of, label, record, remarks
from ._style import COLUMN_IN, PAGE_IN, figure, plain, wrap
from .registry import FIGURES, LeftOut, Plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INACTIVE = "n_inactive"
_LONG = 24  # an option with longer values is a file or a program, not a hyper-parameter
_CELL_IN = (0.42, 0.26)
_MOST_PLACES = 20

Option = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """One system in one stratum, with what it was built with."""

    table: Table
    index: int
    entry: Entry
    options: Mapping[str, Option]


@FIGURES.register("heatmap")
def heatmap(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Primary metric over two options of a system, or one option and the inactive classes."""
    groups: dict[tuple[str, str, str], list[_Point]] = defaultdict(list)
    for table in board.tables:
        if table.primary is None:
            continue
        for entry in table.entries:
            name = entry.facts.text("name") or entry.system
            point = _Point(
                table=table, index=table.primary, entry=entry, options=_options(entry.facts.card)
            )
            groups[table.dataset, name, table.columns[table.primary].key].append(point)
    made = False
    for (dataset, name, _), points in groups.items():
        for found in _grids(f"{dataset}_{name}", points):
            made = True
            yield found
    if not made:
        yield LeftOut(name="all", reason="no system was run with several values of an option")


def _options(card: Mapping[str, object]) -> dict[str, Option]:
    given = card.get("options")
    if not isinstance(given, Mapping):
        return {}
    return {
        str(key): value
        for key, value in given.items()
        if value is None or (isinstance(value, str | int | float) and len(str(value)) <= _LONG)
    }


def _grids(name: str, points: Sequence[_Point]) -> Iterator[Plot | LeftOut]:
    """Grids of every pair of options that vary, and of each option with the inactive classes."""
    keys = sorted({key for point in points for key in point.options})
    varying = [key for key in keys if len({_value(p, key) for p in points}) > 1]
    for first, second in combinations(varying, 2):
        strata: dict[str, list[_Point]] = defaultdict(list)
        for point in points:
            strata[point.table.condition].append(point)
        for condition, here in strata.items():
            yield _grid(f"{name}_{condition}_{first}_{second}", here, (first, second))
    for key in varying:
        sweeps: dict[int, list[_Point]] = defaultdict(list)
        for point in points:
            sweeps[counts_of(point.table.condition)[0]].append(point)
        for active, here in sweeps.items():
            if active and len({_value(p, INACTIVE) for p in here}) > 1:
                yield _grid(f"{name}_{active}_active_{key}_{INACTIVE}", here, (INACTIVE, key))


def _value(point: _Point, key: str) -> Option:
    if key == INACTIVE:
        return counts_of(point.table.condition)[1]
    return point.options.get(key)


def _grid(name: str, points: Sequence[_Point], keys: tuple[str, str]) -> Plot | LeftOut:
    places: dict[tuple[Option, Option], list[str]] = defaultdict(list)
    for point in points:
        places[_value(point, keys[0]), _value(point, keys[1])].append(point.entry.system)
    double = next((systems for systems in places.values() if len(systems) > 1), None)
    if double is not None:
        reason = f"{' and '.join(double)} have the same {keys[0]} and {keys[1]}"
        return LeftOut(name=name, reason=reason)
    axes = _ordered({x for x, _ in places}), _ordered({y for _, y in places})
    if min(len(axis) for axis in axes) < 2 or max(len(axis) for axis in axes) > _MOST_PLACES:
        return LeftOut(name=name, reason=f"{keys[0]} and {keys[1]} have one value or too many")
    data = pd.DataFrame(
        [
            {keys[0]: _value(p, keys[0]), keys[1]: _value(p, keys[1]), **record(cell)}
            for p in points
            if (cell := p.entry.cells[p.index]) is not None
        ]
    )
    first = points[0]
    column = first.table.columns[first.index]
    conditions = ", ".join(dict.fromkeys(point.table.condition for point in points))
    told = remarks(
        (f"{p.entry.system} in {p.table.condition}", p.entry.cells[p.index], p.table.n_trials)
        for p in points
    )
    means = np.full((len(axes[1]), len(axes[0])), math.nan)
    for point in points:
        cell = point.entry.cells[point.index]
        x, y = (axes[i].index(_value(point, keys[i])) for i in (0, 1))
        means[y, x] = math.nan if cell is None else cell.mean
    caption = (
        f"Mean {label(column)} over {keys[0]} and {keys[1]} of {first.entry.facts.text('name')}; "
        f"{first.table.dataset} · {conditions}. Hatched: not run, or without a value.{told}"
    )
    return Plot(
        name=name, caption=caption, data=data, draw=partial(_draw, means, axes, keys, column)
    )


def _ordered(values: Iterable[Option]) -> list[Option]:
    """Numbers by size, then words, then what was not set."""

    def key(value: Option) -> tuple[int, float, str]:
        if value is None:
            return 2, 0.0, ""
        return (1, 0.0, value) if isinstance(value, str) else (0, float(value), "")

    return sorted(values, key=key)


def _draw(
    means: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    axes_values: tuple[list[Option], list[Option]],
    keys: tuple[str, str],
    column: Column,
) -> Figure:
    unit = column.facts.unit
    texts = [[number(value, unit) for value in line] for line in means]
    wide = 1.1 + _CELL_IN[0] * means.shape[1]
    fig = figure(
        width_in=min(PAGE_IN, max(COLUMN_IN, wide)), height_in=0.6 + _CELL_IN[1] * len(means)
    )
    axes = fig.subplots()
    finite = means[np.isfinite(means)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    span = high - low or 1.0
    axes.patch.set(hatch="xxxx", facecolor="#FFFFFF", edgecolor="#BBBBBB")
    # Cividis gets lighter all the way: readable in grey and by the colour-blind.
    image = axes.pcolormesh(
        np.ma.masked_invalid(means), cmap="cividis", vmin=low, vmax=low + span, linewidth=0
    )
    for y, line in enumerate(texts):
        for x, text in enumerate(line):
            dark = np.isfinite(means[y, x]) and (means[y, x] - low) / span < 0.55
            if np.isfinite(means[y, x]):
                axes.text(
                    x + 0.5,
                    y + 0.5,
                    text,
                    ha="center",
                    va="center",
                    color="#FFFFFF" if dark else "#000000",
                )
    axes.set_xticks(np.arange(means.shape[1]) + 0.5, [_told(v) for v in axes_values[0]])
    axes.set_yticks(np.arange(len(means)) + 0.5, [_told(v) for v in axes_values[1]])
    axes.set_xlabel(_title(keys[0]))
    axes.set_ylabel(_title(keys[1]))
    axes.grid(visible=False)
    axes.tick_params(length=0)
    bar = fig.colorbar(image, ax=axes, pad=0.02, aspect=12)
    bar.set_label(label(column))
    bar.outline.set_visible(False)
    return fig


def _told(value: Option) -> str:
    if value is None:
        return "none"
    return wrap(plain(f"{value:g}" if isinstance(value, float) else str(value)), 12)


def _title(key: str) -> str:
    return "number of inactive classes" if key == INACTIVE else plain(key)
