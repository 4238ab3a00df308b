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
from types import TracebackType
from typing import IO

from .allocator import keep_freed_memory
from .metrics.outcome import Outcome, failed, undefined
from .metrics.protocol import FailedValueError, Job, UndefinedValueError

READY = b"ready"
_LENGTH = struct.Struct("<Q")


def serve() -> None:
    """The worker's side: answer jobs from standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    keep_freed_memory()  # PESQ frees some 600 pages with every signal
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
