"""The primary metric over two hyper-parameters: options of one system, or the inactive classes.

The options are those of the cards in `run.json`; for example theta against the number of inactive classes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from ...bench.statistics.aggregate import Aggregate, condition_counts
from ..leaderboard.board import Entry, Leaderboard
from ..leaderboard.wording import number, stratum_name
from .registry import FIGURES, LeftOut, Plot
from .shared.columns import PlotColumn, primaries, record, remarks
from .shared.style import COLUMN_IN, PAGE_IN, one_axes, plain, wrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

K = TypeVar("K")

INACTIVE = "n_inactive"
_WEIGHTS = "weights"
_LONG = 24  # an option with longer values is a file or a program, not a hyper-parameter
_CELL_IN = (0.42, 0.26)
_MOST_PLACES = 20

Option = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """One system in one stratum, with its options."""

    shown: PlotColumn
    entry: Entry
    options: Mapping[str, Option]

    @property
    def condition(self) -> str:
        return self.shown.table.condition

    @property
    def cell(self) -> Aggregate | None:
        return self.entry.cells[self.shown.index]

    def value(self, key: str) -> Option:
        """Value of an option, or the number of inactive classes."""
        return condition_counts(self.condition)[1] if key == INACTIVE else self.options.get(key)


@FIGURES.register("heatmap")
def heatmap(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Primary metric over two options of a system, or one option and the inactive classes."""
    groups: dict[tuple[str, str, str], list[_Point]] = defaultdict(list)
    for shown in primaries(board):
        for entry in shown.table.entries:
            name = entry.facts.text("name") or entry.system
            point = _Point(shown=shown, entry=entry, options=_options(entry.facts.card))
            groups[shown.table.dataset, name, shown.column.key].append(point)
    for (dataset, name, metric), points in groups.items():
        if not any(_varying(points)):
            continue
        grids = list(_grids(f"{dataset}_{name}", points))
        yield from grids
        if not grids:
            yield LeftOut(f"{dataset}_{name}_{metric}", "its options vary together, or more of them than two at once")
    if not any(any(_varying(points)) for points in groups.values()):
        yield LeftOut("all", "no system was run with several values of an option")


def _options(card: Mapping[str, object]) -> dict[str, Option]:
    """Options of a system, and the start of its weights' hash."""
    given, weights = card.get("options"), card.get("sha256")
    options = given if isinstance(given, Mapping) else {}
    found: dict[str, Option] = {
        str(key): value
        for key, value in options.items()
        if value is None or (isinstance(value, str | int | float) and len(str(value)) <= _LONG)
    }
    return {**found, _WEIGHTS: weights[:12]} if isinstance(weights, str) else found


def _varying(points: Sequence[_Point]) -> list[str]:
    """Options with several values; of options that vary together only the first."""
    keys = sorted({key for point in points for key in point.options})
    systems = {point.entry.system: point for point in points}
    found: dict[tuple[frozenset[str], ...], str] = {}
    for key in keys:
        groups: dict[Option, set[str]] = defaultdict(set)
        for system, point in systems.items():
            groups[point.value(key)].add(system)
        if len(groups) > 1:
            found.setdefault(tuple(sorted(map(frozenset, groups.values()), key=sorted)), key)
    return list(found.values())


def _grids(name: str, points: Sequence[_Point]) -> Iterator[Plot]:
    """Grids of every pair of options that are crossed, and of options with the inactive classes.

    Within a grid, the systems agree in all else.
    """
    varying = _varying(points)
    for pair in combinations(varying, 2):
        rest = [key for key in varying if key not in pair and not _follows(points, key, pair)]
        for condition, strata in _split(points, lambda p: p.condition).items():
            for fixed, here in _split(strata, partial(_fixed, rest=rest)).items():
                if _is_grid(here, pair):
                    yield _grid("_".join(filter(None, (name, condition, *pair))), here, pair, fixed)
    for key in varying:
        rest = [other for other in varying if other != key]
        for active, sweep in _split(points, lambda p: condition_counts(p.condition)[0]).items():
            for fixed, here in _split(sweep, partial(_fixed, rest=rest)).items():
                numbers = {v for p in here if isinstance(v := p.value(key), int | float)}
                if active and len(numbers) > 1 and _is_grid(here, (INACTIVE, key)):
                    yield _grid(f"{name}_{active}_active_{key}_{INACTIVE}", here, (INACTIVE, key), fixed)


def _follows(points: Sequence[_Point], key: str, pair: tuple[str, str]) -> bool:
    """Whether the weights follow from two options, as where a network was trained for each place of a grid."""
    if key != _WEIGHTS:
        return False
    places = {(*(p.value(name) for name in pair), p.value(key)) for p in points}
    return len(places) == len({place[:2] for place in places})


def _split(points: Sequence[_Point], key: Callable[[_Point], K]) -> dict[K, list[_Point]]:
    groups: dict[K, list[_Point]] = defaultdict(list)
    for point in points:
        groups[key(point)].append(point)
    return groups


def _fixed(point: _Point, *, rest: Sequence[str]) -> str:
    """The other options that vary somewhere, for example "window_ms = 32.0"."""
    return ", ".join(f"{key} = {point.value(key)}" for key in rest)


def _is_grid(points: Sequence[_Point], keys: tuple[str, str]) -> bool:
    """Whether each place has one system, and neither option follows from the other."""
    places = [(point.value(keys[0]), point.value(keys[1])) for point in points]
    axes = {x for x, _ in places}, {y for _, y in places}
    crossed = all(len(set(places)) > len(axis) > 1 for axis in axes)
    return crossed and len(set(places)) == len(places) and max(map(len, axes)) <= _MOST_PLACES


def _grid(name: str, points: Sequence[_Point], keys: tuple[str, str], fixed: str) -> Plot:
    axes = [_ordered({point.value(key) for point in points}) for key in keys]
    data = pd.DataFrame(
        [{**{key: p.value(key) for key in keys}, **record(p.cell)} for p in points if p.cell is not None]
    )
    first = points[0]
    conditions = ", ".join(dict.fromkeys(point.condition for point in points))
    where = stratum_name(first.shown.table.dataset, conditions, " · ")
    missing = remarks(
        (f"{p.entry.system} in {p.condition or p.shown.table.dataset}", p.cell, p.shown.table.n_trials) for p in points
    )
    means = np.full((len(axes[1]), len(axes[0])), math.nan)
    for point in points:
        if point.cell is not None:
            means[axes[1].index(point.value(keys[1])), axes[0].index(point.value(keys[0]))] = point.cell.mean
    rest = f"; {fixed}" if fixed else ""
    caption = (
        f"Mean {first.shown.label} over {keys[0]} and {keys[1]} of {first.entry.facts.text('name')}; "
        f"{where}{rest}. Hatched: not run, or without a value.{missing}"
    )
    return Plot(name, caption, data, partial(_draw, first.shown, means, axes, keys))


def _ordered(values: Iterable[Option]) -> list[Option]:
    """Numbers by size, then texts, then None."""

    def key(value: Option) -> tuple[int, float, str]:
        if value is None:
            return 2, 0.0, ""
        return (1, 0.0, value) if isinstance(value, str) else (0, float(value), "")

    return sorted(values, key=key)


def _draw(
    shown: PlotColumn,
    means: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    values: Sequence[Sequence[Option]],
    keys: tuple[str, str],
) -> Figure:
    wide = 1.1 + _CELL_IN[0] * means.shape[1]
    size = {"width_in": min(PAGE_IN, max(COLUMN_IN, wide)), "height_in": 0.6 + _CELL_IN[1] * len(means)}
    fig, axes = one_axes(**size)
    finite = means[np.isfinite(means)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    span = high - low or 1.0
    axes.patch.set(hatch="xxxx", facecolor="#FFFFFF", edgecolor="#BBBBBB")
    # The lightness of cividis is monotonic: readable in grey and by the colour-blind.
    image = axes.pcolormesh(np.ma.masked_invalid(means), cmap="cividis", vmin=low, vmax=low + span, linewidth=0)
    for (y, x), mean in np.ndenumerate(means):
        if np.isfinite(mean):
            colour = "#FFFFFF" if (mean - low) / span < 0.55 else "#000000"
            text = number(float(mean), shown.column.facts.unit)
            axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=colour)
    axes.set_xticks(np.arange(means.shape[1]) + 0.5, [_text(v) for v in values[0]])
    axes.set_yticks(np.arange(len(means)) + 0.5, [_text(v) for v in values[1]])
    axes.set(xlabel=_title(keys[0]), ylabel=_title(keys[1]))
    axes.grid(visible=False)
    axes.tick_params(length=0)
    bar = fig.colorbar(image, ax=axes, pad=0.02, aspect=12)
    bar.set_label(shown.label)
    bar.outline.set_visible(False)
    return fig


def _text(value: Option) -> str:
    if value is None:
        return "none"
    return wrap(plain(f"{value:g}" if isinstance(value, float) else str(value)), 12)


def _title(key: str) -> str:
    return "number of inactive classes" if key == INACTIVE else plain(key)
