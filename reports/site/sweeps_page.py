"""The page of sweeps: curves over levels with intervals, and tables of differences to the plain set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..leaderboard.board import Leaderboard
from ..tables.sweep_tables import sweep_tables
from ..tables.sweeps import SweepCurves, by_sweep, sweeps
from ..tables.table import PrintedTable
from .charts.conditions import Panel
from .charts.sweeps import sweep_panel
from .glossary import metric_hints
from .pages import render_page, write_page

SWEEPS = "sweeps.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSweep:
    """One sweep in one stratum: a panel and a table for each metric."""

    name: str
    dataset: str
    condition: str
    axis: str
    panels: tuple[Panel, ...]
    tables: tuple[PrintedTable, ...]


def write_sweeps(board: Leaderboard, out: Path) -> list[Path]:
    """Write `sweeps.html`, if the board has any sweep."""
    groups = [_shown(board, group) for group in by_sweep(sweeps(board))]
    if not groups:
        return []
    hints = metric_hints(board)
    page = render_page("sweeps.html.j2", scripts=("theme.js",), board=board, groups=groups, hints=hints)
    return [write_page(out, SWEEPS, page)]


def _shown(board: Leaderboard, group: Sequence[SweepCurves]) -> ShownSweep:
    first = group[0]
    return ShownSweep(
        name=first.name,
        dataset=first.dataset,
        condition=first.condition,
        axis=first.axis,
        panels=tuple(sweep_panel(board, each) for each in group),
        tables=tuple(sweep_tables(board, group)),
    )
