"""Outcomes of metrics, and scores. Worker processes import this module, so that it must stay cheap."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Literal

Status = Literal["ok", "undefined", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of a metric for one answer.

    Attributes:
        value: NaN unless `status` is "ok".
        reason: why there is no value.
        weight: of the trial in a pooled mean: words of the reference for a word error rate.
        detail: data that reports show with the value, or pool: a transcript, decisions on classes.
        parts: values of the metric's `parts`, in their order.
    """

    value: float
    status: Status
    reason: str = ""
    weight: float = 1.0
    detail: str = ""
    parts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One value of one metric for one trial.

    Attributes:
        metric: its name.
        signature: the metric with every setting that changes its value.
        value: in the metric's unit; NaN unless the status is "ok".
        reason: why there is no value; or the remarks on an ok one, joined by `;`: `floored`, `trimmed`, `padded`.
        weight: of the trial in a pooled mean.
        detail: data that comes with the value: a transcript, decisions on classes.
    """

    trial_id: str
    metric: str
    signature: str
    value: float
    status: Status
    reason: str = ""
    weight: float = 1.0
    detail: str = ""


SCORE_FIELDS = tuple(field.name for field in fields(Score))


def failed(reason: str) -> Outcome:
    """A value that could not be computed."""
    return Outcome(value=math.nan, status="failed", reason=reason)


def undefined(reason: str) -> Outcome:
    """A value that does not exist."""
    return Outcome(value=math.nan, status="undefined", reason=reason)


class _Caught:
    """Catches any error of third-party code, and holds it."""

    error: BaseException | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return isinstance(error, Exception)


def attempt(job: Job | bytes) -> Outcome:
    """Do one job, or its pickle; an error becomes a status and a reason."""
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
    """Failed value: type and message of the error that a metric raised."""
    line = " ".join(str(error).split())[:200]
    return failed(f"{type(error).__name__}: {line}".removesuffix(": "))


class UndefinedValueError(Exception):
    """A per-file metric has no value for this input; the message is the reason of the row."""


class FailedValueError(Exception):
    """A per-file metric broke on this input; the message is the reason of the row."""


Job = Callable[[], "float | Outcome"]


Submit = Callable[[Job], "Future[Outcome]"]
"""Hands a job that can be pickled to a worker process."""


def run_model_job(job: Job, *, device: str, submit: Submit) -> Outcome | Future[Outcome]:
    """Run a job of a user's own model: in a worker process on the CPU, else in this process."""
    return submit(job) if device == "cpu" else attempt(job)
