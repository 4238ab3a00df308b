"""The parent's side of one worker process: tasks go in by a pipe, and outcomes come back in their order."""

from __future__ import annotations

import fcntl
import os
import pickle
import select
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import IO

from ...core.errors import TsebenchError
from ..outcome import CRASHED, Outcome, failed
from .worker import FRAME_NUMBER, READY, Packed, frame_head, frame_number

_Rest = deque[memoryview]
"""Bytes of a frame that are not written yet."""

START_TRIES, START_LIMIT_S = 3, 120.0
MAX_REPLY = 1 << 26
_MOST_PARTS = 256  # written at once; systems take 1024 and more
_SERVE = "from tsebench.bench.scoring.worker import serve; serve()"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class WorkerStartError(TsebenchError):
    """A worker process does not come up."""


class WorkerProcess:
    """A worker process that runs until it is closed.

    Two threads may call it at a time: the pipe takes the second task while the first is computed, so that the process
    need not wait for the next one.

    Raises:
        WorkerStartError: it does not come up.
    """

    def __init__(self) -> None:
        self._open = True
        self._sending, self._turn = threading.Lock(), threading.Lock()
        self._closing = threading.Lock()
        """Held where the pipe is closed, and where it is written to while another thread may close it."""
        try:
            self._process = self._begun()
        except OSError as error:  # no memory, or no more processes
            raise WorkerStartError(f"cannot start a worker process for file metrics: {error.strerror}") from None
        self._jobs, self._replies = (_fileno(stream) for stream in (self._process.stdin, self._process.stdout))
        _widen(self._jobs)
        try:
            ready = self._receive(time.monotonic() + START_LIMIT_S) == READY
        except TimeoutError:
            ready = False
            self.kill()
        if not ready:
            self.close()
            raise WorkerStartError(
                f"a worker process for file metrics does not start, tried {START_TRIES} times: exit code "
                f"{self._process.returncode}, its own message is above; check that {sys.executable!r} can import "
                "tsebench, and the memory"
            )

    @property
    def alive(self) -> bool:
        """Whether it can take a task."""
        return self._open and self._process.poll() is None

    @staticmethod
    def _begun() -> subprocess.Popen[bytes]:
        path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
        return subprocess.Popen(
            # -P: a file of the working directory must not hide a module.
            [sys.executable, "-P", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
            # Out of reach of Ctrl-C, also before it can ignore it: the parent ends it.
            process_group=0,
        )

    def call(self, payload: Packed, time_limit_s: float) -> Outcome | None:
        """Have one task done, after the one before it; None if that one ended the process.

        A process that breaks, or takes longer over this task, is ended.
        """
        with ExitStack() as sending:
            sending.enter_context(self._sending)
            rest = self._offer(deque(memoryview(part) for part in (frame_head(payload), *payload)))
            with self._turn:  # the one before is answered
                return self._answer(rest, sending.close, time.monotonic() + time_limit_s) if self._open else None

    def _offer(self, rest: _Rest) -> _Rest:
        """Write what the pipe takes now; the rest."""
        with self._closing, suppress(OSError):  # it is full, or the process is gone, which is found out later
            while rest and self._open:
                _write(self._jobs, rest)
        return rest

    def _answer(self, rest: _Rest, sent: Callable[[], None], deadline: float) -> Outcome:
        """The outcome of a task, of which this rest is not sent yet; calls `sent` when it is."""
        outcome: Outcome | None = None
        reason = CRASHED
        try:
            self._send(rest, deadline)
            sent()
            outcome = _outcome(self._receive(deadline))
        except TimeoutError:
            reason = "time_limit"
            self.kill()
        except OSError:  # the process is gone
            outcome = None
        if outcome is None:
            self.close()
        return outcome or failed(reason)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def close(self) -> None:
        """End the process: its input closes, and it is killed if that is not enough."""
        self.dismiss()
        try:
            self._process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def dismiss(self) -> None:
        """Close its input, which ends the process when it has nothing to do; `close` waits for that."""
        with self._closing:
            self._open = False
            self._close_pipes()

    def _close_pipes(self) -> None:
        for stream in filter(None, (self._process.stdin, self._process.stdout)):
            with suppress(OSError):
                stream.close()

    def _send(self, rest: _Rest, deadline: float) -> None:
        while rest:
            _wait_for(self._jobs, select.POLLOUT, deadline)
            with suppress(BlockingIOError):
                _write(self._jobs, rest)

    def _receive(self, deadline: float) -> bytes | None:
        """The next frame, of one part; None if the process ended, or sends what is none."""
        count = frame_number(self._read(FRAME_NUMBER, deadline))
        length = frame_number(self._read(FRAME_NUMBER, deadline)) if count == 1 else None
        payload = self._read(length, deadline) if length is not None and length <= MAX_REPLY else b""
        return payload if len(payload) == length else None

    def _read(self, size: int, deadline: float) -> bytes:
        """So many bytes, or fewer if there are no more."""
        parts: list[bytes] = []
        while size:
            _wait_for(self._replies, select.POLLIN, deadline)
            part = os.read(self._replies, size)
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _fileno(stream: IO[bytes] | None) -> int:
    if stream is None:
        raise ValueError("a worker has no pipe")
    return stream.fileno()


def _write(pipe: int, rest: _Rest) -> None:
    """Write what a pipe takes, which is taken from the rest."""
    count = os.writev(pipe, list(islice(rest, _MOST_PARTS)))
    while rest and count >= len(rest[0]):
        count -= len(rest.popleft())
    if count:
        rest[0] = rest[0][count:]


def _widen(pipe: int) -> None:
    """Make a pipe hold a whole task, so that it is written at once; writing what it does not take does not block."""
    os.set_blocking(pipe, False)
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # of Linux, which limits the sum of all pipes of a user
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)


def _wait_for(pipe: int, event: int, deadline: float) -> None:
    """Wait until a pipe can be read or written; TimeoutError when the time is over."""
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, 1000.0 * (deadline - time.monotonic()))):
        raise TimeoutError


def _outcome(reply: bytes | None) -> Outcome | None:
    """The outcome in a reply; None if the process ended before it, or has overwritten it."""
    try:
        found: object = pickle.loads(reply) if reply is not None else None  # noqa: S301 - from our own process
    except Exception:  # noqa: BLE001 - bytes of a broken process; the value fails as crashed
        return None
    return found if isinstance(found, Outcome) else None
