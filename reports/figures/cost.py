"""Quality against cost, with the front of systems that no cheaper one beats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..leaderboard.board import Column, Entry, Leaderboard, Table
from ..leaderboard.wording import title
from .registry import FIGURES, LeftOut, Plot
from .shared.axes import scale_of, with_prefix
from .shared.cells import COLUMNS, bounds, errors, label, primaries, record, remarks
from .shared.style import Look, figure, legend_below, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_AXES = {"rtf": "real-time factor", "params": "parameters"}
_MOST_TICKS = 7
_FEWEST = 2  # systems that make a trade-off


@FIGURES.register("cost")
def cost(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Primary metric against real-time factor and parameters (Pareto front)."""
    styles = looks(board)
    for table, column, index in primaries(board):
        for key, what in _AXES.items():
            name = f"{table.dataset}_{table.condition}_{key}"
            data = _data(table, index, key)
            if (data["x"] > 0.0).sum() < _FEWEST or column.facts.higher_is_better is None:
                reason = f"fewer than two systems, other than baselines and oracles, with {what}"
                yield LeftOut(name=name, reason=reason)
                continue
            told = remarks((e.system, e.cells[index], table.n_trials) for e in table.entries)
            caption = (
                f"{label(column)} against {what}; {title(table)}, {table.n_trials} trials. Means "
                f"with {bounds(board)}. The line joins the systems that no cheaper one reaches; "
                f"baselines and oracles are level lines.{told}{_without(data, what)}"
            )
            draw = partial(_draw, data, column, what, styles)
            yield Plot(name=name, caption=caption, data=data, draw=draw)


def pareto(data: pd.DataFrame, *, higher_is_better: bool) -> pd.DataFrame:
    """The systems that no other one beats at the same cost or less, the cheapest first.

    Args:
        data: columns x (cost) and mean.
        higher_is_better: of the mean.
    """
    sign = -1.0 if higher_is_better else 1.0
    ordered = data.assign(loss=sign * data["mean"]).sort_values(["x", "loss"], kind="stable")
    best_before = ordered["loss"].cummin().shift(fill_value=math.inf)
    return ordered[ordered["loss"] < best_before].drop(columns="loss")


def _data(table: Table, index: int, key: str) -> pd.DataFrame:
    """A line for each system; x is NaN for those that stand for no trade-off."""
    lines = [
        {"x": _cost(entry, key), "level": _is_level(entry), **record(cell)}
        for entry in table.entries
        if (cell := entry.cells[index]) is not None and cell.n
    ]
    return pd.DataFrame(lines, columns=["x", "level", *COLUMNS])


def _is_level(entry: Entry) -> bool:
    return entry.facts.privileged or entry.facts.family == "baseline"


def _cost(entry: Entry, key: str) -> float:
    facts = entry.facts.cost
    value = None if facts is None or _is_level(entry) else getattr(facts, key)
    return math.nan if value is None else float(value)


def _without(data: pd.DataFrame, what: str) -> str:
    lost = data[~data["level"] & ~(data["x"] > 0.0)]["system"].tolist()
    return f" Without a value of {what}: {', '.join(lost)}." if lost else ""


def _draw(data: pd.DataFrame, column: Column, what: str, styles: Mapping[str, Look]) -> Figure:
    fig = figure()
    axes = fig.subplots()
    scale = scale_of(data, styles, unit=column.facts.unit)
    placed = data[data["x"] > 0.0]
    axes.set_xscale("log")
    front = pareto(placed, higher_is_better=bool(column.facts.higher_is_better))
    axes.step(front["x"], front["mean"], where="post", color="#000000", linewidth=0.7, zorder=1)
    handles = [_point(axes, placed[placed["system"] == s], styles[s]) for s in placed["system"]]
    names = [str(name) for name in placed["system"]]
    level = data[data["level"]]
    for system, mean in zip(level["system"].tolist(), level["mean"].tolist(), strict=True):
        look = styles[system]
        handles.append(axes.axhline(mean, color=look.colour, linestyle=look.dash, linewidth=0.9))
        names.append(system)
    _x_axis(axes, placed["x"].tolist(), what)
    axes.set_ylabel(label(column))
    axes.set_ylim(scale.low, scale.high)
    legend_below(fig, handles, [scale.label(name, styles[name]) for name in names])
    return fig


def _point(axes: Axes, own: pd.DataFrame, look: Look) -> Any:
    return axes.errorbar(
        own["x"],
        own["mean"],
        yerr=errors(own),
        color=look.colour,
        marker=look.marker,
        linestyle="none",
        markersize=5,
        elinewidth=0.6,
        capsize=1.5,
    )


def _x_axis(axes: Axes, values: Sequence[float], what: str) -> None:
    """Ticks at 1, 2 and 5 times powers of ten around the values, or fewer where these are many."""
    exponents = range(math.floor(math.log10(min(values))) - 1, math.ceil(math.log10(max(values))) + 1)
    marks = [m * 10.0**e for e in exponents for m in (1.0, 2.0, 5.0)]
    first = max(mark for mark in marks if mark <= min(values))
    last = min(mark for mark in [*marks, 10.0**exponents.stop] if mark >= max(values))
    inside = [mark for mark in [*marks, 10.0**exponents.stop] if first <= mark <= last]
    if len(inside) > _MOST_TICKS:
        inside = [mark for mark in inside if math.log10(mark).is_integer()]
    axes.set_xticks(inside, [with_prefix(mark) for mark in inside])
    axes.set_xlim(first / 1.25, last * 1.25)
    axes.minorticks_off()
    axes.set_xlabel(what)
