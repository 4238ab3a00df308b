"""A figure: the primary metric of each system as points, one for each trial."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from tsebench.reports.figures.registry import FIGURES, LeftOut, Plot
from tsebench.reports.leaderboard.board import Leaderboard

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@FIGURES.register("example_points")
def example_points(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Values of single trials, one row of points for each system."""
    if board.rows.empty:
        yield LeftOut(name="all", reason="there are no rows")
        return
    for name, rows in board.rows.groupby("dataset"):
        data = rows.loc[rows["status"] == "ok", ["system", "metric", "trial_id", "value"]]
        if data.empty:
            yield LeftOut(name=str(name), reason="no trial has a value")
            continue
        caption = f"Values of {len(data)} scores of {name}."
        yield Plot(name=str(name), caption=caption, data=data, draw=partial(_draw, data))


def _draw(data: pd.DataFrame) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.5, 2.0))
    axes = figure.add_subplot()
    axes.plot(data["value"], data["system"].astype(str), ".")
    axes.set_xlabel("value")
    return figure
