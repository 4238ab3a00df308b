"""A process pool for metrics of one file: a crash or a hang costs one value, nothing else.

Each worker is a process of its own, driven by one thread over a pipe, so that the task that brought a worker down is
always known: the value fails, the worker is replaced, and the tasks of the other workers go on undisturbed.
(`ProcessPoolExecutor` would fail every task in flight, and its workers would import the caller's main script again.)
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import LifoQueue
from types import TracebackType

from ...core.errors import TsebenchError
from ..outcome import Job, Outcome, attempt, failed, raised
from .worker import READY, read_frame, write_frame

TIME_LIMIT_S = 120.0
_SERVE = "from tsebench.bench.scoring.worker import serve; serve()"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class FilePool:
    """Computes file metrics in worker processes that start when they are first needed; a context manager.

    The queue is not bounded: whoever submits must wait for results before submitting without end.

    Args:
        jobs: number of workers; 0 computes in the calling process, for tests and debugging.
        time_limit_s: a value that takes longer fails with the reason `time_limit`.
    """

    def __init__(self, jobs: int, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._time_limit_s = time_limit_s
        self._threads = ThreadPoolExecutor(jobs, "file-metric") if jobs > 0 else None
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
        self._threads.shutdown(wait=kind is None, cancel_futures=kind is not None)
        if kind is not None:
            for worker in list(self._busy):
                worker.kill()
            self._threads.shutdown(wait=True)
        while not self._idle.empty():
            if idle := self._idle.get():
                idle.close()

    def start(self) -> None:
        """Start the workers now, so that the first jobs need not wait for them."""
        if self._threads is not None:
            for _ in range(self._idle.qsize()):
                self._threads.submit(self._run, partial(float, 0.0))

    def submit(self, job: Job) -> Future[Outcome]:
        """Do one job, which gives a value or an outcome and can be pickled.

        The future raises only if no worker can be started.
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
        worker = self._idle.get()
        try:
            worker = worker or _Worker()
            self._busy.add(worker)
            return worker.call(payload, self._time_limit_s)
        finally:
            if worker:
                self._busy.discard(worker)
            self._idle.put(worker if worker and worker.alive else None)


class _Worker:
    """The parent's side of one worker process; TsebenchError if it does not come up."""

    def __init__(self) -> None:
        self.alive = True
        path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
        self._process = subprocess.Popen(
            # -P: a file of the working directory must not hide a module.
            [sys.executable, "-P", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
            # Out of reach of Ctrl-C, also before it can ignore it: the parent ends it.
            process_group=0,
        )
        if self._receive() != READY:
            self.close()
            raise TsebenchError(
                f"a worker process for file metrics does not start: exit code {self._process.returncode}, its own "
                f"message is above; check that {sys.executable!r} can import tsebench"
            )

    def call(self, payload: bytes, time_limit_s: float) -> Outcome:
        """Have one task done; a worker that breaks is closed."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.kill()

        timer = threading.Timer(time_limit_s, expire)
        timer.start()
        try:
            if self._process.stdin:
                write_frame(self._process.stdin, payload)
            reply = self._receive()
        except OSError:
            reply = None
        timer.cancel()
        timer.join()
        if reply is None or expired.is_set():
            self.close()
        if reply is None:
            return failed("time_limit" if expired.is_set() else "crashed")
        outcome: Outcome = pickle.loads(reply)  # noqa: S301 - from our own process
        return outcome

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def close(self) -> None:
        """End the process: its input closes, and it is killed if that is not enough."""
        self.alive = False
        for stream in filter(None, (self._process.stdin, self._process.stdout)):
            with suppress(OSError):
                stream.close()
        try:
            self._process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def _receive(self) -> bytes | None:
        return read_frame(self._process.stdout) if self._process.stdout else None
