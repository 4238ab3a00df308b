"""Worker processes of the pool: what crosses the pipe, and the loop that answers it.

Every worker imports this module, so that it must stay cheap.
"""

from __future__ import annotations

import math
import os
import pickle
import signal
import struct
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray

from .metrics.protocol import FailedValueError, FileMetric, UndefinedValueError

Status = Literal["ok", "undefined", "failed"]

READY = b"ready"
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one value; `value` is NaN unless `status` is "ok"."""

    value: float
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One value to compute, of mono signals [T] of one length."""

    metric: FileMetric
    estimate: NDArray[np.float32]
    reference: NDArray[np.float32]
    sample_rate_hz: int


def serve() -> None:
    """The worker's side: answer tasks from standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)  # what a package prints must not end up between the replies
        write_frame(replies, READY)
        while (payload := read_frame(sys.stdin.buffer)) is not None:
            write_frame(replies, pickle.dumps(attempt(payload)))


class _Caught:
    """Keeps any error of a metric: the one place where foreign code may break in any way."""

    error: BaseException | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.error = error
        return isinstance(error, Exception)


def attempt(task: Task | bytes) -> Outcome:
    """Compute one value; whatever the metric raises becomes a status and a reason.

    Args:
        task: the task, or its pickle.
    """
    with _Caught() as caught:
        known: Task = pickle.loads(task) if isinstance(task, bytes) else task  # noqa: S301 - ours
        value = float(
            known.metric.compute(
                estimate=known.estimate,
                reference=known.reference,
                sample_rate_hz=known.sample_rate_hz,
            )
        )
        if math.isfinite(value):
            return Outcome(value=value, status="ok")
        return failed("non_finite_value")
    if isinstance(caught.error, UndefinedValueError):
        return Outcome(value=math.nan, status="undefined", reason=str(caught.error))
    if isinstance(caught.error, FailedValueError):
        return failed(str(caught.error))
    line = " ".join(str(caught.error).split())[:200]
    return failed(f"{type(caught.error).__name__}: {line}")


def failed(reason: str) -> Outcome:
    """A value that could not be computed."""
    return Outcome(value=math.nan, status="failed", reason=reason)


def write_frame(stream: IO[bytes], payload: bytes) -> None:
    """Send a length and so many bytes."""
    stream.write(_LENGTH.pack(len(payload)))
    stream.write(payload)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame, or None if the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    payload = stream.read(length)
    return payload if len(payload) == length else None
