"""Bars of the primary metric for each class, as in Figure 2 of the few-shot paper."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import title
from ..slices.slices import SliceCell
from .registry import FIGURES, LeftOut, Plot
from .shared.columns import LONE, PlotColumn, errors, lone, lone_remark, record, remarks
from .shared.scales import Scale
from .shared.slice_cells import sizes_of, slices_of
from .shared.style import CHARACTER_IN, COLUMN_IN, PAGE_IN, figure, grid_along, legend_below, plain, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR_IN = 0.055  # narrowest bar that is still distinct from its neighbour
_GAP = 1.0  # between classes, in bars
_MARGIN_IN = 0.6
_PANEL_IN = 1.5
_NAME = 12  # letters of a line of a class
_LABEL = 22  # of a line of the label of an axis


@FIGURES.register("class_bars")
def class_bars(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Bars of the primary metric for each sound class."""
    for shown, _, cells in slices_of(board, ("class",)):
        if cells:
            yield _plot(shown, cells)
        else:
            yield LeftOut(shown.name(), "fewer than two sound classes")


def _plot(shown: PlotColumn, cells: Sequence[SliceCell]) -> Plot:
    sizes = sizes_of(cells)
    data = pd.DataFrame([{"class": f.slice.text, **record(f.cell)} for f in cells])
    missing = remarks((f"{f.cell.system}, {f.slice.text}", f.cell, sizes[f.slice]) for f in cells)
    classes = sorted((part.text, size) for part, size in sizes.items())
    chart = _Chart(shown=shown, data=data, classes=tuple(name for name, _ in classes))
    shares = ", ".join(f"{name} {size}" for name, size in classes)
    caption = (
        f"{shown.label} for each class of the target; {title(shown.table)}. Trials: {shares}. "
        f"Means with {shown.bounds}.{lone_remark(data, 'White with a dashed edge')}{missing}"
    )
    return Plot(shown.name(), caption, data, chart.draw)


@dataclass(frozen=True, kw_only=True)
class _Chart:
    """Groups of bars, over as many panels as the classes need."""

    shown: PlotColumn
    data: pd.DataFrame
    classes: tuple[str, ...]

    @cached_property
    def scale(self) -> Scale:
        return self.shown.scale(self.data, zero=True)

    @property
    def systems(self) -> list[str]:
        return [name for name, _ in self.shown.cells if name not in self.scale.off]

    def draw(self) -> Figure:
        from matplotlib.patches import Patch  # noqa: PLC0415

        width_in, per_panel = self._layout()
        count = math.ceil(len(self.classes) / per_panel)
        fig = figure(width_in=width_in, height_in=0.3 + (_PANEL_IN + 0.25) * count)
        handles: list[Any] = []
        for place, axes in enumerate(fig.subplots(count, 1, squeeze=False)[:, 0]):
            handles = self._panel(axes, self.classes[place * per_panel : (place + 1) * per_panel], per_panel)
        blank = [Patch(facecolor="none", edgecolor="none", figure=fig) for _ in self.scale.off]
        names = self.shown.legend(self.scale, [*self.systems, *self.scale.off])
        if lone(self.data[~self.data["system"].isin(self.scale.off)]).any():
            blank.append(Patch(figure=fig, **_hollow("#000000")))
            names.append(LONE)
        legend_below(fig, [*handles, *blank], names)
        return fig

    def _layout(self) -> tuple[float, int]:
        """Width of the figure, and number of classes side by side."""
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
            look, means = self.shown.looks[system], own["mean"].to_numpy(float)
            bars: dict[str, Any] = {"width": 0.9, "edgecolor": "#000000", "linewidth": 0.3}
            handles.append(axes.bar(x, means, color=f"{look.colour}B0", hatch=look.hatch, **bars))
            for place_of_one in np.flatnonzero(lone(own)):
                handles[-1][place_of_one].set(**_hollow(look.colour))
            axes.errorbar(x, means, yerr=errors(own), fmt="none", ecolor="#000000", elinewidth=0.5, capsize=0.8)
        axes.set_ylabel(wrap(self.shown.label, _LABEL))
        names = [wrap(plain(name), _NAME) for name in classes]
        axes.set_xticks(group * np.arange(len(classes)) + (len(self.systems) - 1) / 2.0, names)
        width_in = float(axes.get_figure(root=True).get_size_inches()[0])  # type: ignore[union-attr]
        longest = max(len(line) for name in names for line in name.split("\n"))
        if longest * CHARACTER_IN > (width_in - _MARGIN_IN) / room:  # names would touch each other
            axes.tick_params(axis="x", labelrotation=90)
        axes.set(xlim=(-1.0, group * room - _GAP), ylim=(self.scale.low, self.scale.high))
        axes.axhline(0.0, color="#000000", linewidth=0.6)
        axes.tick_params(axis="x", length=0)
        grid_along(axes, "y")
        return handles


def _hollow(colour: str) -> dict[str, Any]:
    """Style of a bar without an interval."""
    return {"facecolor": "#FFFFFF", "edgecolor": colour, "linestyle": (0, (2, 1)), "linewidth": 0.8}
