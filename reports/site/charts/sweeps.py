"""Geometry of the line charts of the page of sweeps: metrics over levels, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ....bench.statistics.aggregate import Aggregate
from ...leaderboard.board import Leaderboard
from ...leaderboard.wording import number
from ...tables.sweeps import Curve, SweepCurves
from .axes import ticks
from .conditions import COLOURS, MOST, Line, Panel, dot_of

_LEFT, _TOP, _HEIGHT, _STEP, _PAD = 40.0, 12.0, 170.0, 62.0, 34.0
_SPREAD = 14.0  # systems at one level are set side by side over this width
_FAR = 5.0  # an oracle this many times beyond all others is off the scale


def sweep_panel(board: Leaderboard, shown: SweepCurves) -> Panel:
    """The curves of one metric; the first ten systems of the plain table."""
    curves = [curve for curve in shown.curves[:MOST] if any(curve.cells)]
    off = [curve for curve in curves if _is_far(board, curve, curves)]
    drawn = [curve for curve in curves if curve not in off]
    low, high = _limits(drawn)
    unit = shown.column.facts.unit

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (high - value) / (high - low)

    middles = [_LEFT + _PAD + place * _STEP for place in range(len(shown.levels))]
    return Panel(
        heading=shown.column.key,
        unit=unit,
        width=_LEFT + 2 * _PAD + (len(shown.levels) - 1) * _STEP,
        height=_TOP + _HEIGHT + 26.0,
        ticks=tuple((y(value), value) for value in ticks(low, high)),
        labels=tuple(zip(middles, (level.replace("-", "−") for level in shown.levels), strict=True)),
        lines=tuple(line for curve in drawn for line in _lines(board, shown, curve, middles, y)),
        off_scale=tuple(f"{curve.system} ({number(_largest(curve), unit)})" for curve in off),
    )


def _lines(
    board: Leaderboard, shown: SweepCurves, curve: Curve, middles: Sequence[float], y: Callable[[float], float]
) -> tuple[Line, Line]:
    """The point of the plain set, which is no level of the axis, and the curve; beside those of other systems."""
    place = sorted(board.systems).index(curve.system)
    shift = _SPREAD * (place / max(1, len(board.systems) - 1) - 0.5)
    unit = shown.column.facts.unit
    dots = [
        dot_of(x + shift, cell, y, f"{curve.system}, {level}", unit)
        if cell is not None and math.isfinite(cell.mean)
        else None
        for x, level, cell in zip(middles, shown.levels, curve.cells, strict=True)
    ]
    colour, privileged = place % COLOURS, board.system_facts[curve.system].privileged
    plain, levels = (
        Line(system=curve.system, colour=colour, privileged=privileged, dots=tuple(dot for dot in part if dot))
        for part in (dots[:1], dots[1:])
    )
    return plain, levels


def _limits(curves: Sequence[Curve]) -> tuple[float, float]:
    cells: list[Aggregate] = [cell for curve in curves for cell in curve.cells if cell is not None]
    ends = [end for cell in cells for end in (cell.mean, cell.ci_low, cell.ci_high) if math.isfinite(end)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin


def _largest(curve: Curve) -> float:
    return max((abs(cell.mean) for cell in curve.cells if cell is not None and math.isfinite(cell.mean)), default=0.0)


def _is_far(board: Leaderboard, curve: Curve, curves: Sequence[Curve]) -> bool:
    others = [_largest(each) for each in curves if not board.system_facts[each.system].privileged]
    return board.system_facts[curve.system].privileged and _largest(curve) > _FAR * max(others, default=math.inf)
