"""Bars of the primary metric for each class.

Figure 2 of the few-shot paper: improvement for each new class.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..leaderboard.board import Column, Leaderboard, Table
from ..leaderboard.wording import title
from ..slices.dimensions import NOT_TOLD
from ..slices.slices import SliceCell, aggregate_slices, dimensions_of
from .registry import FIGURES, LeftOut, Plot
from .shared.axes import Scale, scale_of
from .shared.cells import bounds, errors, label, record, remarks
from .shared.style import COLUMN_IN, PAGE_IN, Look, figure, grid_along, legend_below, looks, plain, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR_IN = 0.055  # narrowest bar that can be told from its neighbour
_GAP = 1.0  # between classes, in bars
_MARGIN_IN = 0.6
_PANEL_IN = 1.5
_NAME = 12  # letters of a line of a class


@FIGURES.register("class_bars")
def class_bars(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Bars of the primary metric for each sound class."""
    rows = board.score_rows
    known = [] if rows.empty else [d for d in dimensions_of(rows) if d.name == "class"]
    cells = (
        aggregate_slices(rows, known, level=board.level, resamples=board.resamples, seed=board.seed)
        if known
        else ()
    )
    styles = looks(board)
    for table in board.tables:
        metric = None if table.primary is None else table.columns[table.primary].key
        wanted = (table.dataset, table.condition, metric)
        own = [
            found
            for found in cells
            if (found.cell.dataset, found.cell.condition, found.cell.metric) == wanted
            and found.slice.value != NOT_TOLD
        ]
        if own:
            yield _plot(board, table, own, styles)
        else:
            yield LeftOut(name=f"{table.dataset}_{table.condition}", reason="fewer than two sound classes")


def _plot(board: Leaderboard, table: Table, cells: Sequence[SliceCell], styles: Mapping[str, Look]) -> Plot:
    column = table.columns[table.primary or 0]
    sizes = {found.slice.text: max(_size(f) for f in cells if f.slice == found.slice) for found in cells}
    data = pd.DataFrame([{"class": f.slice.text, **record(f.cell)} for f in cells])
    told = remarks((f"{f.cell.system}, {f.slice.text}", f.cell, sizes[f.slice.text]) for f in cells)
    shares = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items()))
    scale = scale_of(data, styles, unit=column.facts.unit, zero=True)
    chart = _Chart(
        data=data,
        column=column,
        styles=styles,
        scale=scale,
        classes=tuple(sorted(sizes)),
        systems=tuple(e.system for e in table.entries if e.system not in scale.off),
    )
    return Plot(
        name=f"{table.dataset}_{table.condition}",
        caption=(
            f"{label(column)} for each class of the target; {title(table)}. Trials: {shares}. "
            f"Means with {bounds(board)}.{told}"
        ),
        data=data,
        draw=chart.draw,
    )


def _size(found: SliceCell) -> int:
    return found.cell.n + found.cell.n_failed + found.cell.n_undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    """Groups of bars, over as many panels as the classes need."""

    data: pd.DataFrame
    column: Column
    styles: Mapping[str, Look]
    scale: Scale
    classes: tuple[str, ...]
    systems: tuple[str, ...]

    def draw(self) -> Figure:
        width_in, per_panel = self._layout()
        count = math.ceil(len(self.classes) / per_panel)
        fig = figure(width_in=width_in, height_in=0.3 + (_PANEL_IN + 0.25) * count)
        handles: list[Any] = []
        for place, axes in enumerate(fig.subplots(count, 1, squeeze=False)[:, 0]):
            shown = self.classes[place * per_panel : (place + 1) * per_panel]
            handles = self._panel(axes, shown, per_panel)
        fig.supylabel(label(self.column), fontsize=8)
        off = list(self.scale.off)
        blank = [_nothing(fig) for _ in off]
        names = [self.scale.label(name, self.styles[name]) for name in (*self.systems, *off)]
        legend_below(fig, [*handles, *blank], names)
        return fig

    def _layout(self) -> tuple[float, int]:
        """Width of the figure, and how many classes are side by side."""
        group_in = _BAR_IN * (len(self.systems) + _GAP)
        if len(self.classes) * group_in <= COLUMN_IN - _MARGIN_IN:
            return COLUMN_IN, len(self.classes)
        fits = max(1, int((PAGE_IN - _MARGIN_IN) / group_in))
        panels = math.ceil(len(self.classes) / fits)
        return PAGE_IN, math.ceil(len(self.classes) / panels)

    def _panel(self, axes: Axes, classes: Sequence[str], room: int) -> list[Any]:
        group = len(self.systems) + _GAP
        handles = []
        for place, system in enumerate(self.systems):
            own = self.data[self.data["system"] == system].set_index("class").reindex(list(classes))
            x = group * np.arange(len(classes)) + place
            look = self.styles[system]
            handles.append(
                axes.bar(
                    x,
                    own["mean"].to_numpy(float),
                    width=0.9,
                    color=f"{look.colour}B0",
                    edgecolor="#000000",
                    linewidth=0.3,
                    hatch=look.hatch,
                )
            )
            axes.errorbar(
                x,
                own["mean"].to_numpy(float),
                yerr=errors(own),
                fmt="none",
                ecolor="#000000",
                elinewidth=0.5,
                capsize=0.8,
            )
        middles = group * np.arange(len(classes)) + (len(self.systems) - 1) / 2.0
        axes.set_xticks(middles, [wrap(plain(name), _NAME) for name in classes])
        _turn_if_tight(axes, classes, group * _room_in(axes, room, group))
        axes.set_xlim(-1.0, group * room - _GAP)
        axes.set_ylim(self.scale.low, self.scale.high)
        axes.axhline(0.0, color="#000000", linewidth=0.6)
        axes.tick_params(axis="x", length=0)
        grid_along(axes, "y")
        return handles


def _room_in(axes: Axes, room: int, group: float) -> float:
    """Width of a bar in inches."""
    width_in = float(axes.get_figure(root=True).get_size_inches()[0])  # type: ignore[union-attr]
    return (width_in - _MARGIN_IN) / (group * room)


def _turn_if_tight(axes: Axes, classes: Sequence[str], group_in: float) -> None:
    """Names stand upright where they would touch each other."""
    longest = max(len(line) for name in classes for line in wrap(plain(name), _NAME).split("\n"))
    if longest * 0.062 > group_in:
        axes.tick_params(axis="x", labelrotation=90)


def _nothing(fig: Figure) -> Any:
    from matplotlib.patches import Patch  # noqa: PLC0415

    return Patch(facecolor="none", edgecolor="none", figure=fig)
