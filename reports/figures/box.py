"""Box plots of single trials, one row for each system."""

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


@FIGURES.register("box")
def box(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Box plots of the primary metric, for each system."""
    legend = (
        "Boxes from the first to the third quartile with the median; whiskers to the last trial "
        "within 1.5 times the length of the box; dots: trials beyond; diamonds: means."
    )
    yield from plots_of_rows(board, _mark, legend=legend)


def _mark(axes: Axes, values: NDArray[np.float64], height: float, look: Look) -> None:
    small = {"markersize": 2.5}
    thin = {"linewidth": 0.8, "color": look.colour}
    axes.boxplot(
        [values],
        positions=[height],
        widths=0.6 * ROW_IN,
        orientation="horizontal",
        manage_ticks=False,
        patch_artist=True,
        showmeans=True,
        boxprops={"facecolor": f"{look.colour}40", "edgecolor": look.colour, "linewidth": 0.8},
        medianprops={"color": "#000000", "linewidth": 1.2},
        whiskerprops=thin,
        capprops=thin,
        meanprops={"marker": "D", "markerfacecolor": "#FFFFFF", "markeredgecolor": "#000000", "markeredgewidth": 0.6}
        | small,
        flierprops={"marker": ".", "markerfacecolor": look.colour, "markeredgecolor": "none"} | small,
    )
