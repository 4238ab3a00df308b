"""Violin plots of single trials, one row for each system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..leaderboard.board import Leaderboard
from .registry import FIGURES, LeftOut, Plot
from .shared.row_plots import ROW_IN, plots_of_rows
from .shared.style import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@FIGURES.register("violin")
def violin(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Violin plots of the primary metric, for each system."""
    legend = (
        "Densities (Gaussian kernel, Scott's bandwidth) from the smallest to the largest value; "
        "bars from the first to the third quartile; white dots: medians."
    )
    yield from plots_of_rows(board, _mark, legend=legend)


def _mark(axes: Axes, values: NDArray[np.float64], height: float, look: Look) -> None:
    if np.ptp(values) > 0.0:
        parts = axes.violinplot(
            [values], positions=[height], widths=0.85 * ROW_IN, orientation="horizontal", showextrema=False
        )
        for body in parts["bodies"]:  # type: ignore[attr-defined]
            body.set(facecolor=f"{look.colour}40", edgecolor=look.colour, linewidth=0.8, alpha=None)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    axes.plot([low, high], [height, height], color=look.colour, linewidth=2.2)
    axes.plot(
        [middle],
        [height],
        marker="o",
        markersize=2.6,
        markerfacecolor="#FFFFFF",
        markeredgecolor="#000000",
        markeredgewidth=0.6,
    )
