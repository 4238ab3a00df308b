"""Outcomes of metrics, and scores. Worker processes import this module, so that it must stay cheap."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, fields
from typing import Literal

from ..core.text import error_text, safe_text, visible

CRASHED = "crashed"
"""Reason of a value whose worker process ended; a run that goes on tries it again."""
SILENT_ESTIMATE = "silent_estimate"
"""End of the reason of a value that does not exist for a silent estimate: "pesq_silent_estimate"."""
TOO_SHORT = "too_short"
"""Begins the reason of a value that a signal is too short for."""
NO_REFERENCE = "no_reference"
"""Reason of a metric that does not apply to a trial, because it compares with a clean reference and there is none."""
NOT_HEARD = "not_heard"
"""Reason why a trial has no rating: it was not in the listening test."""
MAX_REASON = 500
MAX_DETAIL = 1_000_000
Status = Literal["ok", "undefined", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """A value of a metric, or why there is none; its texts are made safe here, for every row.

    Attributes:
        value: in the metric's unit; NaN unless `status` is "ok".
        reason: why there is no value; or the remarks on an ok score, joined by `;`: `floored`, or `padded from
            15960 to 16000 samples`. A reason begins with one word for its kind, and a colon before its numbers.
        weight: of the trial in a pooled mean: words of the reference for a word error rate.
        detail: data that reports show with the value, or pool: a transcript, decisions on classes.
    """

    value: float
    status: Status
    reason: str = ""
    weight: float = 1.0
    detail: str = ""

    def __post_init__(self) -> None:
        """Cut and escape what no file takes: systems, metrics and programs give texts of any kind and length."""
        if self.reason != "" or self.detail != "":  # most values have neither
            object.__setattr__(self, "reason", safe_text(self.reason, MAX_REASON))
            object.__setattr__(self, "detail", visible(self.detail)[:MAX_DETAIL])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(_Value):
    """Result of a metric for one answer; `parts` are values of the metric's `parts`, in their order."""

    parts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes(Outcome):
    """Results of one job for several metrics or answers, as one that is ok; `each` has them in the job's order."""

    value: float = 0.0
    status: Status = "ok"
    each: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score(_Value):
    """One value of one metric for one trial; the signature has every setting that changes the value."""

    trial_id: str
    metric: str
    signature: str


SCORE_FIELDS = tuple(field.name for field in fields(Score))


def failed(reason: str) -> Outcome:
    """A value that could not be computed."""
    return Outcome(value=math.nan, status="failed", reason=reason)


def undefined(reason: str) -> Outcome:
    """A value that does not exist."""
    return Outcome(value=math.nan, status="undefined", reason=reason)


def attempt(job: Job) -> Outcome:
    """Do one job; an error becomes a status and a reason."""
    try:
        found = job()
        outcome = found if isinstance(found, Outcome) else Outcome(value=float(found), status="ok")
        unusable = outcome.status == "ok" and not math.isfinite(outcome.value)
    except UndefinedValueError as error:
        return undefined(safe_text(error))
    except FailedValueError as error:
        return failed(safe_text(error))
    except Exception as error:  # noqa: BLE001 - metrics are third-party code
        return raised(error)
    return failed("non_finite_value") if unusable else outcome


def raised(error: BaseException) -> Outcome:
    """Failed value: type and message of the error that a metric raised."""
    return failed(error_text(error))


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
