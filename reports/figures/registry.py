"""The registry of figures; each makes plots, or gives the reason why it makes none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ...core.entry_checks import call_problem
from ...core.registry import Registry
from ..leaderboard.board import Leaderboard

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """A figure that can be drawn.

    Attributes:
        name: stem of its file, such as "mini_sounds_PMQ 1:3".
        caption: contents, with units, numbers of trials, and failures.
        data: the plotted values, one line for each mark.
        draw: called within `style.styled`.
    """

    name: str
    caption: str
    data: pd.DataFrame
    draw: Callable[[], Figure]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A figure that was not made, and why."""

    name: str
    reason: str


Maker = Callable[[Leaderboard], Iterable[Plot | LeftOut]]


def _problem(_: str, maker: Maker) -> str:
    """Why a function draws no figures."""
    return call_problem(maker, positional=["board"])


FIGURES: Registry[Maker] = Registry(
    "figure", package="tsebench.reports.figures", group="tsebench.figures", check=_problem
)
