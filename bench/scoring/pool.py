"""A process pool for metrics of one file: a hang costs one value, a crash at most one, nothing else.

Each worker is a process of its own, driven by a thread over a pipe, so that the task that brought a worker down is
always known: the worker is replaced, the task is tried once more (a kill from outside is no fault of the metric), and
the tasks of the other workers go on undisturbed.
(`ProcessPoolExecutor` would fail every task in flight, and its workers would import the caller's main script again.)
"""

from __future__ import annotations

import fcntl
import os
import pickle
import select
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import LifoQueue
from types import TracebackType
from typing import IO

from ...core.errors import TsebenchError
from ...core.progress import Notify, silent
from ..outcome import CRASHED, Job, Outcome, attempt, failed, raised
from .worker import FRAME_HEAD, READY, frame_head, frame_length

TIME_LIMIT_S = 120.0
START_TRIES = 3
MAX_REPLY = 1 << 26
_OF_THE_SCRIPT = b"__main__"
_SERVE = "from tsebench.bench.scoring.worker import serve; serve()"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class FilePool:
    """Computes file metrics in worker processes that start when they are first needed; a context manager.

    The queue is not bounded: whoever submits must wait for results before submitting without end.

    Args:
        jobs: number of workers; 0 computes in the calling process, for tests and debugging.
        time_limit_s: a value that takes longer fails with the reason `time_limit`.
        notify: takes one line about crashes when the pool is left.
    """

    def __init__(self, jobs: int, *, time_limit_s: float = TIME_LIMIT_S, notify: Notify = silent) -> None:
        self._time_limit_s, self._notify = time_limit_s, notify
        self._crashes: deque[bool] = deque()
        """For each task whose worker crashed, whether its second try crashed, too."""
        self._dropped = False
        # One thread more than workers has the next task ready for the first that is idle.
        self._threads = ThreadPoolExecutor(jobs + 1, "file-metric") if jobs > 0 else None
        # The worker that was used last is taken first, so that few tasks start few workers.
        self._idle: LifoQueue[_Worker | None] = LifoQueue()
        for _ in range(jobs):
            self._idle.put(None)
        self._busy: set[_Worker] = set()

    def __enter__(self) -> FilePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what was submitted; after an error, drop it."""
        if self._threads is None:
            return
        self._dropped = kind is not None
        self._threads.shutdown(wait=kind is None, cancel_futures=kind is not None)
        if kind is not None:
            for worker in list(self._busy):
                worker.kill()
            self._threads.shutdown(wait=True)
        while not self._idle.empty():
            if idle := self._idle.get():
                idle.close()
        if self._crashes:
            self._notify(_crash_line(len(self._crashes), sum(self._crashes)))

    def start(self) -> None:
        """Start the workers now, so that the first jobs need not wait for them."""
        if self._threads is not None:
            for _ in range(self._idle.qsize()):
                self._threads.submit(self._run, partial(float, 0.0))

    def submit(self, job: Job) -> Future[Outcome]:
        """Do one job, which gives a value or an outcome and can be pickled; here if its code is the calling script's.

        The future raises only if no worker can be started, three times in a row.
        """
        if self._threads is not None:
            return self._threads.submit(self._run, job)
        done: Future[Outcome] = Future()
        done.set_result(attempt(job))
        return done

    def _run(self, job: Job) -> Outcome:
        try:
            payload = pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, AttributeError, TypeError, RecursionError) as error:
            return raised(error)  # the metric cannot be sent to a worker
        if _OF_THE_SCRIPT in payload:  # a class of the calling script or notebook, which a worker could not import
            return attempt(job)
        outcome = self._call(payload)
        if _crashed(outcome) and not self._dropped:
            outcome = self._call(payload)
            self._crashes.append(_crashed(outcome))
        return outcome

    def _call(self, payload: bytes) -> Outcome:
        worker = self._idle.get()
        try:
            if worker and not worker.alive:  # killed while it had nothing to do
                worker.close()
                worker = None
            worker = worker or self._started()
            self._busy.add(worker)
            return failed(CRASHED) if self._dropped else worker.call(payload, self._time_limit_s)
        finally:
            if worker:
                self._busy.discard(worker)
            self._idle.put(worker if worker and worker.alive else None)

    def _started(self) -> _Worker:
        """A new worker; one that dies while it starts is started again, a few times."""
        for _ in range(START_TRIES - 1):
            try:
                return _Worker()
            except _StartError:
                if self._dropped:
                    raise
        return _Worker()


def _crashed(outcome: Outcome) -> bool:
    return (outcome.status, outcome.reason) == ("failed", CRASHED)


def _crash_line(crashes: int, lost: int) -> str:
    end = (
        f"{lost} failed again and have the reason {CRASHED!r}; the next run tries them again" if lost else "all worked"
    )
    return f"{crashes} values of file metrics whose worker process crashed were tried once more: {end}"


class _StartError(TsebenchError):
    """A worker process does not come up."""


class _Worker:
    """The parent's side of one worker process; _StartError if it does not come up."""

    def __init__(self) -> None:
        self._open = True
        try:
            self._process = self._begun()
        except OSError as error:  # no memory, or no more processes
            raise _StartError(f"cannot start a worker process for file metrics: {error.strerror}") from None
        self._jobs, self._replies = (_fileno(stream) for stream in (self._process.stdin, self._process.stdout))
        _widen(self._jobs)
        try:
            ready = self._receive(time.monotonic() + TIME_LIMIT_S) == READY
        except TimeoutError:
            ready = False
            self.kill()
        if not ready:
            self.close()
            raise _StartError(
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

    def call(self, payload: bytes, time_limit_s: float) -> Outcome:
        """Have one task done; a worker that breaks, or takes too long, is ended."""
        outcome: Outcome | None = None
        reason = CRASHED
        deadline = time.monotonic() + time_limit_s
        try:
            self._send(frame_head(payload), deadline)
            self._send(payload, deadline)
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
        self._open = False
        for stream in filter(None, (self._process.stdin, self._process.stdout)):
            with suppress(OSError):
                stream.close()
        try:
            self._process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def _send(self, content: bytes, deadline: float) -> None:
        rest = memoryview(content)
        while rest:
            _wait_for(self._jobs, select.POLLOUT, deadline)
            with suppress(BlockingIOError):
                rest = rest[os.write(self._jobs, rest) :]

    def _receive(self, deadline: float) -> bytes | None:
        """The next frame; None if the process ended, or sends what is none."""
        length = frame_length(self._read(FRAME_HEAD, deadline))
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
