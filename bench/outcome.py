"""What became of one value. Worker processes import this module, so that it must stay cheap."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
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


class _Caught:
    """Keeps any error of a metric: the one place where foreign code may break in any way."""

    error: BaseException | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return isinstance(error, Exception)


def attempt(job: Job | bytes) -> Outcome:
    """Do one job; whatever it raises becomes a status and a reason.

    Args:
        job: gives a value or an outcome; or its pickle.
    """
    with _Caught() as caught:
        known: Job = pickle.loads(job) if isinstance(job, bytes) else job  # noqa: S301 - ours
        found = known()
        outcome = found if isinstance(found, Outcome) else Outcome(value=float(found), status="ok")
        if outcome.status == "ok" and not math.isfinite(outcome.value):
            return failed("non_finite_value")
        return outcome
    if isinstance(caught.error, UndefinedValueError):
        return undefined(str(caught.error))
    if isinstance(caught.error, FailedValueError):
        return failed(str(caught.error))
    return raised(caught.error)


def raised(error: BaseException | None) -> Outcome:
    """What a value fails with: type and message of what a metric raised."""
    line = " ".join(str(error).split())[:200]
    return failed(f"{type(error).__name__}: {line}".removesuffix(": "))


class UndefinedValueError(Exception):
    """A per-file metric has no value for this input; the message is the reason of the row."""


class FailedValueError(Exception):
    """A per-file metric broke on this input; the message is the reason of the row."""


Job = Callable[[], "float | Outcome"]


Submit = Callable[[Job], "Future[Outcome]"]
"""Hands a job that can be pickled to a worker process."""
