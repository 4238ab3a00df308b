"""What became of one value. Worker processes import this module, so that it must stay cheap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "undefined", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one value.

    Attributes:
        value: NaN unless `status` is "ok".
        reason: why there is no value.
        weight: of the trial in a pooled mean: words of the reference for a word error rate.
        detail: what a report shows beside the value, or pools: a transcript, decisions.
        parts: values that come with it, in the order of the metric's `parts`.
    """

    value: float
    status: Status
    reason: str = ""
    weight: float = 1.0
    detail: str = ""
    parts: tuple[float, ...] = ()


def failed(reason: str) -> Outcome:
    """A value that could not be computed."""
    return Outcome(value=math.nan, status="failed", reason=reason)


def undefined(reason: str) -> Outcome:
    """A value that does not exist."""
    return Outcome(value=math.nan, status="undefined", reason=reason)
