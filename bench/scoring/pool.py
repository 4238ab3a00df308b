"""A process pool for metrics: a hang costs the values of one task, a crash at most these, nothing else.

A task is one metric of one file, or batched metrics of some files where the calling process has more to do.

Each worker is a process of its own, driven by threads over a pipe, so that the task that brought a worker down is
always known: the worker is replaced, the task is tried once more (a kill from outside is no fault of the metric), and
the other tasks go on undisturbed.
(`ProcessPoolExecutor` would fail every task in flight, and its workers would import the caller's main script again.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Condition, Event
from types import TracebackType

from ...core.progress import Notify, silent
from ..outcome import CRASHED, Job, Outcome, Outcomes, attempt, failed, raised
from .worker import UNSENDABLE, Packed, packed
from .worker_process import START_TRIES, WorkerProcess, WorkerStartError

TIME_LIMIT_S = 120.0
TASKS = 2
"""Tasks that a worker may have: one that it computes, and the next."""


class FilePool:
    """Computes metrics in worker processes that start when they are first needed; a context manager.

    The queue is not bounded: whoever submits must wait for results before submitting without end.

    Args:
        jobs: number of workers; 0 computes in the calling process, for tests and debugging.
        time_limit_s: a task that takes longer fails with the reason `time_limit`.
        notify: takes one line about crashes when the pool is left.
    """

    def __init__(self, jobs: int, *, time_limit_s: float = TIME_LIMIT_S, notify: Notify = silent) -> None:
        self._jobs, self._time_limit_s, self._notify = jobs, time_limit_s, notify
        self._crashes: deque[bool] = deque()
        """For each task whose worker crashed, whether its second try crashed, too."""
        self._dropped = Event()
        self._threads = ThreadPoolExecutor(TASKS * jobs, "file-metric") if jobs > 0 else None
        self._changed = Condition()
        self._tasks: dict[WorkerProcess, int] = {}
        """Tasks of each worker; the one that finished a task last is the last one."""
        self._starting = self._unplaced = 0
        """Workers that are being started, and tasks that have no worker yet."""

    def __enter__(self) -> FilePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what was submitted; after an error, drop it."""
        if self._threads is None:
            return
        if kind is not None:
            self._dropped.set()
        self._threads.shutdown(wait=kind is None, cancel_futures=kind is not None)
        if kind is not None:
            for worker in list(self._tasks):
                worker.kill()
            self._threads.shutdown(wait=True)
        for worker in self._tasks:
            worker.dismiss()  # all at once
        for worker in self._tasks:
            worker.close()
        self._tasks.clear()
        if self._crashes:
            self._notify(_crash_line(len(self._crashes), sum(self._crashes)))

    def start(self, metrics: Sequence[object] = ()) -> None:
        """Start the workers now and have them import the code of metrics, so that the first jobs need not wait."""
        if self._threads is not None:
            for _ in range(self._jobs):
                self.submit(partial(isinstance, tuple(metrics), tuple))

    def submit(self, job: Job) -> Future[Outcome]:
        """Do one job, which gives a value or an outcome and can be pickled; here if its code is the calling script's.

        The future raises only if no worker can be started, three times in a row.
        """
        if self._threads is not None:
            with self._changed:
                self._unplaced += 1
            return self._threads.submit(self._run, job)
        done: Future[Outcome] = Future()
        done.set_result(attempt(job))
        return done

    def submit_together(self, job: Callable[[], Outcomes], count: int) -> list[Future[Outcome]]:
        """Do one job of so many outcomes; what happens to its worker, and its time limit, are those of all."""
        futures: list[Future[Outcome]] = [Future() for _ in range(count)]

        def share(done: Future[Outcome]) -> None:
            for place, future in enumerate(futures):
                if done.cancelled():
                    future.cancel()
                elif error := done.exception():
                    future.set_exception(error)
                else:
                    found = done.result()
                    future.set_result(found.each[place] if isinstance(found, Outcomes) else found)

        self.submit(job).add_done_callback(share)
        return futures

    def _run(self, job: Job) -> Outcome:
        try:
            payload = packed(job)
        except UNSENDABLE as error:
            return self._not_placed(raised(error))
        if payload is None:
            return self._not_placed(attempt(job))
        outcome = self._call(payload)
        if _crashed(outcome) and not self._dropped.is_set():
            with self._changed:
                self._unplaced += 1
            outcome = self._call(payload)
            self._crashes.append(_crashed(outcome))
        return outcome

    def _not_placed(self, outcome: Outcome) -> Outcome:
        with self._changed:
            self._unplaced -= 1
        return outcome

    def _call(self, payload: Packed) -> Outcome:
        """Have a worker do a task that has none yet; another one if the task before it brings the worker down."""
        while not self._dropped.is_set():
            worker, outcome = self._placed(), None
            try:
                if not self._dropped.is_set():
                    outcome = worker.call(payload, self._time_limit_s)
            finally:
                with self._changed:
                    self._tasks[worker] = self._tasks.pop(worker) - 1
                    self._unplaced += outcome is None
                    self._changed.notify_all()
            if outcome is not None:
                return outcome
        return self._not_placed(failed(CRASHED))

    def _placed(self) -> WorkerProcess:
        """Wait for a worker that takes a task, and give it one."""
        with self._changed:
            while True:
                if found := self._with_room():
                    return self._given(found)
                if len(self._tasks) + self._starting < self._jobs:
                    self._starting += 1
                    break
                self._changed.wait()
        worker: WorkerProcess | None = None
        try:
            worker = self._started()
        finally:
            with self._changed:
                self._starting -= 1
                if worker is not None:
                    self._tasks[worker] = 0
                    self._given(worker)
                else:
                    self._unplaced -= 1
                self._changed.notify_all()
        return worker

    def _given(self, worker: WorkerProcess) -> WorkerProcess:
        self._tasks[worker] += 1
        self._unplaced -= 1
        return worker

    def _with_room(self) -> WorkerProcess | None:
        """An idle worker, the one used last, so that few tasks start few workers; or one that may have another task.

        The last tasks wait for idle workers, so that none waits behind another one to the end.
        """
        for worker in [worker for worker, tasks in self._tasks.items() if not tasks and not worker.alive]:
            del self._tasks[worker]  # killed while it had nothing to do
            worker.close()
        if idle := [worker for worker, tasks in self._tasks.items() if not tasks]:
            return idle[-1]
        if self._unplaced <= self._jobs or len(self._tasks) + self._starting < self._jobs:
            return None
        return next((worker for worker, tasks in self._tasks.items() if tasks < TASKS and worker.alive), None)

    def _started(self) -> WorkerProcess:
        """A new worker; one that dies while it starts is started again, a few times."""
        for _ in range(START_TRIES - 1):
            try:
                return WorkerProcess()
            except WorkerStartError:
                if self._dropped.is_set():
                    raise
        return WorkerProcess()


def _crashed(outcome: Outcome) -> bool:
    return (outcome.status, outcome.reason) == ("failed", CRASHED)


def _crash_line(crashes: int, lost: int) -> str:
    end = (
        f"{lost} failed again and have the reason {CRASHED!r}; the next run tries them again" if lost else "all worked"
    )
    return f"{crashes} values of file metrics whose worker process crashed were tried once more: {end}"
