"""Geometry of the line charts of the HTML page: false extractions and missed targets over the score of the output."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from ....bench.statistics.detection import error_curve
from ...leaderboard.board import Leaderboard
from ...leaderboard.wording import interval, number
from ...tables.detection import Detectors, detectors
from .axes import ticks
from .conditions import COLOURS, Dot, Line, Panel

_LEFT, _TOP, _HEIGHT, _WIDTH, _PAD = 40.0, 12.0, 150.0, 300.0, 8.0
_POINTS = 17
_SHOWN = (("false_extractions", "false extractions"), ("missed_targets", "missed targets"))


def detection_panels(board: Leaderboard, dataset: str) -> tuple[Panel, ...]:
    """For each score, a panel of both kinds of errors over its thresholds; none without such a score."""
    panels: list[Panel] = []
    for shown in detectors(board):
        if shown.dataset == dataset:
            limits = shown.thresholds(_POINTS)
            curves = [
                error_curve(each, limits, level=board.level, resamples=board.resamples, seed=board.seed)
                for each in shown.systems
            ]
            panels += [_panel(board, shown, curves, key, name) for key, name in _SHOWN]
    return tuple(panels)


def _panel(board: Leaderboard, shown: Detectors, curves: Sequence[pd.DataFrame], key: str, name: str) -> Panel:
    limits = curves[0]["threshold"].to_numpy(float)
    low, high = float(limits[0]), float(limits[-1])
    if high <= low:
        high = low + 1.0

    def x(threshold: float) -> float:
        return _LEFT + _PAD + (_WIDTH - _LEFT - 2 * _PAD) * (threshold - low) / (high - low)

    lines = []
    for colour, (each, curve) in enumerate(zip(shown.systems, curves, strict=True)):
        shares = curve[["threshold", key, f"{key}_low", f"{key}_high"]].to_numpy(float).tolist()
        dots = tuple(
            _dot(x(limit), f"{each.system}: {name}", (value, start, end), number(limit, shown.column.facts.unit))
            for limit, value, start, end in shares
        )
        privileged = board.system_facts[each.system].privileged
        lines.append(Line(system=each.system, colour=colour % COLOURS, privileged=privileged, dots=dots))
    return Panel(
        heading=f"{name} by {shown.label}",
        unit="%",
        width=_WIDTH,
        height=_TOP + _HEIGHT + 26.0,
        ticks=tuple((_y(value), value) for value in (0.0, 25.0, 50.0, 75.0, 100.0)),
        labels=tuple((x(value), f"{value:g}".replace("-", "−")) for value in ticks(low, high)),
        lines=tuple(lines),
    )


def _y(share: float) -> float:
    return _TOP + _HEIGHT * (100.0 - share) / 100.0


def _dot(x: float, named: str, share: tuple[float, float, float], limit: str) -> Dot:
    """A share with the ends of its interval, in %, at a threshold."""
    value, low, high = share
    ends = [_y(value if math.isnan(end) else end) for end in (low, high)]
    text = f"{named} {number(value, '%')} % {interval(low, high, '%')} at {limit}"
    return Dot(x=x, y=_y(value), low=ends[0], high=ends[1], text=text)
