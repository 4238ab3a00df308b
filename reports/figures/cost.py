"""Quality against cost, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..leaderboard.board import Entry, Leaderboard
from ..leaderboard.ranking import phase_lacking
from .registry import FIGURES, LeftOut, Plot
from .shared.columns import COLUMNS, PlotColumn, lone_remark, primaries, record
from .shared.lines import RING, draw_point, ring_handle
from .shared.scales import with_prefix
from .shared.style import legend_below, one_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENDS = {"x": "", "x_low": "_low", "x_high": "_high"}
_AXES = {"rtf": "real-time factor", "params": "parameters"}
_SPREAD = " Level whiskers: from the shortest to the longest of the timed passes, around their median."
_FRONT = "Pareto front"
_MOST_TICKS = 7
_FEWEST = 2  # systems that make a trade-off


@FIGURES.register("cost")
def cost(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Primary metric against real-time factor and parameters (Pareto front)."""
    for shown in primaries(board):
        for key, cost_name in _AXES.items():
            data = _data(shown, key)
            if (data["x"] > 0.0).sum() < _FEWEST or shown.column.facts.higher_is_better is None:
                yield LeftOut(
                    shown.name(key), f"fewer than two systems, other than baselines and oracles, with {cost_name}"
                )
                continue
            caption = (
                f"{shown.label} against {cost_name}; {shown.heading}. Means with {shown.bounds}."
                f"{_SPREAD if _spread(data) else ''}{lone_remark(data[data['x'] > 0.0], RING)} The line is the Pareto "
                "front: it joins the systems that no cheaper one reaches; baselines and oracles are level lines."
                f"{shown.remarks}{_without(data, cost_name)}"
            )
            yield Plot(shown.name(key), caption, data, partial(_draw, shown, data, cost_name))


def pareto(data: pd.DataFrame, *, higher_is_better: bool) -> pd.DataFrame:
    """The systems that no other one beats at the same cost (column x) or less, the cheapest first."""
    sign = -1.0 if higher_is_better else 1.0
    ordered = data.assign(loss=sign * data["mean"]).sort_values(["x", "loss"], kind="stable")
    best_before = ordered["loss"].cummin().shift(fill_value=math.inf)
    return ordered[ordered["loss"] < best_before].drop(columns="loss")


def _data(shown: PlotColumn, key: str) -> pd.DataFrame:
    """One line for each system; x, with its ends, is NaN for baselines, oracles and unknown costs."""
    lines = [
        {
            **{name: _cost(entry, f"{key}{end}") for name, end in _ENDS.items()},
            "level": not entry.facts.competes,
            **record(cell),
        }
        for entry in shown.table.entries
        if (cell := entry.cells[shown.index]) is not None and cell.n
    ]
    return pd.DataFrame(lines, columns=[*_ENDS, "level", *COLUMNS])


def _cost(entry: Entry, key: str) -> float:
    facts = entry.facts.cost
    value = None if facts is None or not entry.facts.competes else getattr(facts, key, None)
    return math.nan if value is None else float(value)


def _without(data: pd.DataFrame, cost_name: str) -> str:
    lost = data[~data["level"] & ~(data["x"] > 0.0)]["system"].tolist()
    return f" Without a value of {cost_name}: {', '.join(lost)}." if lost else ""


def _draw(shown: PlotColumn, data: pd.DataFrame, cost_name: str) -> Figure:
    fig, axes = one_axes()
    scale = shown.scale(data)
    placed = data[data["x"] > 0.0]
    axes.set_xscale("log")
    front = pareto(_fair(shown, placed), higher_is_better=bool(shown.column.facts.higher_is_better))
    handles = [
        draw_point(axes, own["x"], own, shown.looks[str(name)], xerr=_spread(own))
        for name, own in placed.groupby("system", sort=False)
    ]
    names = [str(name) for name in placed["system"]]
    for system, mean in data.loc[data["level"], ["system", "mean"]].itertuples(index=False):
        look = shown.looks[system]
        handles.append(axes.axhline(mean, color=look.colour, linestyle=look.dash, linewidth=0.9))
        names.append(system)
    ends = placed[["x", "x_low", "x_high"]].to_numpy(float).ravel()
    _x_axis(axes, ends[np.isfinite(ends)].tolist(), cost_name)
    # To the edge: a dearer system has to be better than the best of the front.
    x, y = [*front["x"], *[axes.get_xlim()[1]] * bool(len(front))], [*front["mean"], *front["mean"].iloc[-1:]]
    line = axes.step(x, y, where="post", color="#000000", linewidth=0.7, zorder=1)
    axes.set(ylabel=shown.label, ylim=(scale.low, scale.high))
    ring, ring_name = ring_handle(placed)
    legend_below(fig, [*handles, *line, *ring], [*shown.legend(scale, names), _FRONT, *ring_name])
    return fig


def _fair(shown: PlotColumn, data: pd.DataFrame) -> pd.DataFrame:
    """The systems that the metric can rank."""
    facts = {entry.system: entry.facts for entry in shown.table.entries}
    return data[[not phase_lacking(facts[str(name)], shown.column.facts) for name in data["system"]]]


def _spread(data: pd.DataFrame) -> list[list[float]] | None:
    """Lengths of level whiskers below and above [2][N]; None without any."""
    lengths = [(data["x"] - data["x_low"]).to_numpy(float), (data["x_high"] - data["x"]).to_numpy(float)]
    return [side.tolist() for side in lengths] if np.isfinite(lengths).any() else None


def _x_axis(axes: Axes, values: Sequence[float], cost_name: str) -> None:
    """Ticks at 1, 2 and 5 times powers of ten around the values, or fewer where these are many."""
    exponents = range(math.floor(math.log10(min(values))) - 1, math.ceil(math.log10(max(values))) + 1)
    marks = [m * 10.0**e for e in exponents for m in (1.0, 2.0, 5.0)]
    marks.append(10.0**exponents.stop)
    first = max(mark for mark in marks if mark <= min(values))
    last = min(mark for mark in marks if mark >= max(values))
    inside = [mark for mark in marks if first <= mark <= last]
    if len(inside) > _MOST_TICKS:
        inside = [mark for mark in inside if math.log10(mark).is_integer()]
    axes.set_xticks(inside, [with_prefix(mark) for mark in inside])
    axes.set_xlim(first / 1.25, last * 1.25)
    axes.minorticks_off()
    axes.set_xlabel(cost_name)
