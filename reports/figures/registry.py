"""The registry of figures, and what each module makes: plots, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ...core.registry import Registry
from ..leaderboard.board import Leaderboard

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure that can be drawn.

    Attributes:
        name: what it shows, for its file: "mini_sounds_PMQ 1:3".
        caption: what is shown, with units, numbers of trials, and what failed.
        data: what is plotted, one line for each mark.
        draw: makes the figure from the data, within the style.
    """

    name: str
    caption: str
    data: pd.DataFrame
    draw: Callable[[], Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A figure that was not made, and why."""

    name: str
    reason: str


Maker = Callable[[Leaderboard], Iterable[Plot | LeftOut]]

FIGURES: Registry[Maker] = Registry("figure", package="tsebench.reports.figures", group="tsebench.figures")
