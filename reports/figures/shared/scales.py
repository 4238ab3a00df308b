"""Limits of axes, without the systems that would squash all others, and numbers at ticks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ...leaderboard.wording import number
from .style import Look

_FAR = 3.0  # an oracle this many times beyond all others is off the scale
_MARGIN = 0.06
_PREFIXES = ((1e9, " G"), (1e6, " M"), (1e3, " k"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Limits of an axis, and the systems outside of it with their means as text."""

    low: float
    high: float
    off: Mapping[str, str] = field(default_factory=dict)

    def label(self, system: str, look: Look) -> str:
        """The system's name, and its mean if it is off the scale."""
        found = self.off.get(system)
        return look.label if found is None else f"{look.label} (off scale: {found})"

    @property
    def remark(self) -> str:
        """Sentence on the systems off the scale, for a caption; "" without any."""
        return "".join(f" {name} is off the scale: {mean}." for name, mean in self.off.items())


def scale_of(data: pd.DataFrame, styles: Mapping[str, Look], *, unit: str = "", zero: bool = False) -> Scale:
    """The scale of means with intervals.

    A system whose every value is the metric's floor, an oracle many times beyond all others, and an infinite mean do
    not stretch the axis.

    Args:
        data: columns system, mean, ci_low, ci_high, n, n_floored.
        styles: tell oracles from other systems.
        unit: of the metric.
        zero: the axis includes zero, as bars need.
    """
    off = off_scale(data, styles)
    marks = data.loc[~data["system"].isin(off), ["mean", "ci_low", "ci_high"]].to_numpy(float).ravel()
    finite = [float(mark) for mark in marks if math.isfinite(mark)]
    low, high = limits([*finite, *([0.0] if zero or not finite else [])], zero=zero)
    texts = {}
    for system in off:
        means = data.loc[data["system"] == system, "mean"]
        ends = (number(float(end), unit) for end in (means.min(), means.max()))
        texts[system] = " to ".join(dict.fromkeys(ends))
    return Scale(low=low, high=high, off=texts)


def off_scale(data: pd.DataFrame, styles: Mapping[str, Look]) -> list[str]:
    """Systems that would squash all the others; none if these are all systems."""
    largest = {str(system): float(part["mean"].abs().max()) for system, part in data.groupby("system")}
    parts = data.groupby("system")
    floored = [str(system) for system, part in parts if (part["n_floored"] == part["n"]).all() and part["n"].sum() > 0]
    others = {s: value for s, value in largest.items() if s not in floored and not styles[s].privileged}
    limit = _FAR * max(filter(math.isfinite, others.values()), default=0.0)
    far = [s for s, value in largest.items() if styles[s].privileged and value > limit > 0.0]
    infinite = [s for s, value in largest.items() if math.isinf(value)]
    off = sorted({*floored, *far, *infinite})
    return [] if len(off) == len(largest) else off


def limits(values: Sequence[float], *, zero: bool = False) -> tuple[float, float]:
    """Ends of an axis with a margin around the values; `zero` puts no margin beyond zero."""
    low, high = min(values), max(values)
    if low == high == 0.0:
        return -1.0, 1.0
    room = _MARGIN * (high - low) or 0.1 * abs(high)
    return (low if zero and low == 0.0 else low - room, high if zero and high == 0.0 else high + room)


def with_prefix(value: float) -> str:
    """A number at a tick of a logarithmic axis: 760 k, 0.02."""
    for size, prefix in _PREFIXES:
        if value >= size:
            return f"{value / size:g}{prefix}"
    return f"{value:g}"
