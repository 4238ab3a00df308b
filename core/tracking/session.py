"""MLflow runs that are alive while the work goes on: metrics as they come, system metrics, and a status at the end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from ..errors import TsebenchError, one_line
from ..progress import Notify
from .entries import key_of
from .store import first_line, impatient, patiently, shown, store_errors
from .tags import ERROR

if TYPE_CHECKING:
    from mlflow import MlflowClient

Status = Literal["FINISHED", "FAILED", "KILLED"]
EVERY_S = 5.0
"""Seconds between two looks at the work, and between two samples of system metrics."""

_MOST_WAITING = 10_000  # readings that are kept for a server that does not answer
_LAST_S = 15.0  # longest wait for threads that are at a server, when the work ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Metrics of one MLflow run at one step."""

    run_id: str
    step: int
    metrics: Mapping[str, float]
    at_ms: int = field(default_factory=lambda: int(time.time() * 1000))


class RunSession:
    """Keeps MLflow runs alive from `start` to `end`, by a thread of its own: the work never waits for a server.

    A store that fails costs a warning; what it missed is sent when it answers again.

    Args:
        runs: ids of the MLflow runs, the parent first; system metrics go to it.
        gather: gives new readings; the thread calls it every few seconds, and once at the end.
        say: takes the warning.
        later: how to track the results later, for the warning.
    """

    def __init__(
        self,
        client: MlflowClient,
        runs: Sequence[str],
        *,
        uri: str,
        gather: Callable[[], Iterable[Readings]],
        say: Notify,
        later: str,
        every_s: float = EVERY_S,
    ) -> None:
        self._client, self._runs, self._uri = client, tuple(runs), uri
        self._gather, self._say, self._later, self._every_s = gather, say, later, every_s
        self._waiting: deque[Readings] = deque(maxlen=_MOST_WAITING)
        self._stop, self._busy = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._work, daemon=True, name="tsebench-tracking")
        self._patience = ExitStack()
        self._finish_monitor: Callable[[], None] = lambda: None
        self.failing = False
        """Whether the store failed the last time that it was used."""

    def start(self) -> None:
        """Mark the runs as running; one of an earlier start goes on."""
        for run_id in self._runs:
            if self._client.get_run(run_id).data.tags.get(ERROR) is not None:
                self._client.delete_tag(run_id, ERROR)
            self._client.update_run(run_id, status="RUNNING")
        self._patience.enter_context(impatient())
        self._finish_monitor = _system_metrics(self._runs[0], self._uri, self._say)
        self._thread.start()

    def stop(self) -> None:
        """Send the last readings and stop the threads; the runs stay as they are."""
        self._stop.set()
        self._thread.join(_LAST_S)
        if not self.failing:
            self._beat()
        monitor = threading.Thread(target=self._finish_monitor, daemon=True)
        monitor.start()
        monitor.join(_LAST_S)
        self._patience.close()

    def abort(self, error: BaseException | None) -> None:
        """Stop, and end the runs as FAILED with the error's text, or as KILLED after an interrupt."""
        self.stop()
        if isinstance(error, Exception):
            self.end("FAILED", error=one_line(f"{type(error).__name__}: {error}"))
        else:
            self.end("KILLED")

    def end(self, status: Status, *, error: str = "") -> None:
        """Set the status of all runs, at once; one line if the store does not take it."""
        if self.failing:
            return
        try:
            with impatient():
                for run_id in self._runs:
                    if error:
                        self._client.set_tag(run_id, ERROR, error)
                    self._client.set_terminated(run_id, status=status)
        except store_errors() as problem:
            self.warn(problem)

    def warn(self, error: Exception) -> None:
        """Say once that the store fails."""
        if not self.failing:
            self._say(
                f"tracking: MLflow at {shown(self._uri)!r} fails ({first_line(error)[:200]}); the work goes on and its "
                f"results are complete; {self._later} tracks them later"
            )
        self.failing = True

    def _work(self) -> None:
        while not self._stop.wait(self._every_s):
            self._beat()

    def _beat(self) -> None:
        """Send what is new; readings that the store does not take wait for the next time."""
        if not self._busy.acquire(timeout=_LAST_S):
            return
        try:
            self._waiting.extend(self._gather())
            while self._waiting:
                self._send(self._waiting[0])
                self._waiting.popleft()
            if self.failing:
                self.failing = False
                self._say(f"tracking: MLflow at {shown(self._uri)!r} answers again")
        except TsebenchError as error:  # of the results, not of the store
            self._say(f"tracking: {error}")
        except store_errors() as error:
            self.warn(error)
        finally:
            self._busy.release()

    def _send(self, readings: Readings) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415 - takes a second to import

        metrics = [Metric(key_of(k), v, readings.at_ms, readings.step) for k, v in readings.metrics.items()]
        patiently(lambda: self._client.log_batch(readings.run_id, metrics=metrics))


def _system_metrics(run_id: str, uri: str, say: Notify) -> Callable[[], None]:
    """Start MLflow's own monitor of CPU, memory, disk, network and GPU; the function that stops it."""
    try:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor  # noqa: PLC0415 - needs psutil
    except ImportError as error:
        say(f"tracking: no system metrics, {error}; pip install psutil")
        return lambda: None
    begin: Callable[..., Any] = SystemMetricsMonitor  # untyped
    monitor = begin(run_id, sampling_interval=EVERY_S, resume_logging=True, tracking_uri=uri)
    monitor.start()
    return cast(Callable[[], None], monitor.finish)
