"""Cost of systems as text."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...bench.run.system_facts import CostFacts
from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import NOTHING

HEADINGS = (
    "system",
    "parameters",
    "MACs per s of audio",
    "MACs per query",
    "real-time factor",
    "energy, J per s of audio",
    "peak memory, MB",
    "device",
)
EXPLANATION = (
    "MACs are multiply-accumulate operations of convolutions, matrix products, attention and recurrent layers; those "
    "per query do not grow with the mixture (the clue). The real-time factor is the wall time of one query over its "
    "duration, without resampling: the median of the timed passes, and in brackets the shortest and the longest; "
    "without brackets it was timed once. Energy is that of all processor packages (RAPL), or of the GPU (NVML), while "
    "the passes were timed, with whatever else ran. Peak memory holds weights and tensors."
)
NOT_MEASURED = "not measured"
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
    numbers = (cost.params, cost.macs_per_s, cost.macs_per_query, cost.rtf, cost.joules_per_s, cost.peak_memory_mb)
    memory = NOTHING if cost.peak_memory_mb is None else f"{cost.peak_memory_mb:.3g}"
    energy = NOT_MEASURED if cost.joules_per_s is None else f"{cost.joules_per_s:.3g}"
    shown = (*map(_large, numbers[:3]), rtf_text(cost), energy, memory)
    values = (math.nan if value is None else float(value) for value in numbers)
    return CostLine(cells=(system, *shown, cost.device), values=(system, *values, cost.device), notes=cost.notes)


def rtf_text(cost: CostFacts) -> str:
    """The median real-time factor, with the shortest and the longest pass: "0.0241 [0.0237, 0.031]"."""
    if cost.rtf is None:
        return NOTHING
    low, high = cost.rtf_low, cost.rtf_high
    spread = f" [{low:.3g}, {high:.3g}]" if low is not None and high is not None and low < high else ""
    return f"{cost.rtf:.3g}{spread}"


def _large(value: float | None) -> str:
    """Three significant digits with a prefix: 6.86 G; whole numbers below 1000."""
    if value is None:
        return NOTHING
    for size, prefix in _PREFIXES:
        if value >= size:
            return f"{value / size:.3g}{prefix}"
    return f"{value:.0f}"
