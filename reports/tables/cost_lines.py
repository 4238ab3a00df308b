"""Cost of systems as text."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...bench.run.record import CostFacts
from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import NOTHING

HEADINGS = (
    "system",
    "parameters",
    "MACs per s of audio",
    "MACs per query",
    "real-time factor",
    "peak memory, MB",
    "device",
)
_PREFIXES = ((1e9, " G"), (1e6, " M"), (1e3, " k"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One system: a cell for each heading, the numbers to sort them by, and remarks."""

    cells: tuple[str, ...]
    values: tuple[float | str, ...]
    notes: tuple[str, ...]


def cost_lines(board: Leaderboard) -> list[CostLine]:
    """Costs of the systems that were measured, by name; of one run's if several measured it."""
    named = [item for run in reversed(board.runs) for item in run.systems.items()]
    found = {name: facts.cost for name, facts in named if facts.cost is not None}
    return [_line(name, cost) for name, cost in sorted(found.items())]


def _line(system: str, cost: CostFacts) -> CostLine:
    numbers = (cost.params, cost.macs_per_s, cost.macs_per_query, cost.rtf, cost.peak_memory_mb)
    small = (NOTHING if value is None else f"{value:.3g}" for value in numbers[3:])
    shown = (*map(_large, numbers[:3]), *small)
    values = (math.nan if value is None else float(value) for value in numbers)
    return CostLine(cells=(system, *shown, cost.device), values=(system, *values, cost.device), notes=cost.notes)


def _large(value: float | None) -> str:
    """Three significant digits with a prefix: 6.86 G; whole numbers below 1000."""
    if value is None:
        return NOTHING
    for size, prefix in _PREFIXES:
        if value >= size:
            return f"{value / size:.3g}{prefix}"
    return f"{value:.0f}"
