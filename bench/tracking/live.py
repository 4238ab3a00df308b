"""A run in MLflow while it goes on: opened before the first trial, alive until the last, ended as it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import ConfigError
from ...core.progress import Notify
from ...core.tracking.entries import last_step, page_of
from ...core.tracking.session import EVERY_S, Readings, RunSession
from ...core.tracking.store import check_store, open_store, shown
from ..run.record import RunRecord, read_record
from .log import (
    PARENT,
    headline_metrics,
    log_facts,
    opened_runs,
    parent_progress,
    system_key,
    track,
    with_ids,
    written_ms,
)
from .names import FAILED, TRIALS, Cell, name_of
from .shard_means import ShardMeans

if TYPE_CHECKING:
    from mlflow import MlflowClient


class LiveRun:
    """The MLflow runs of a run folder that is being written; `tracked_run` makes one.

    Args:
        uri: of the store, or None for a run that is not tracked.
        fresh: whether the run starts over.
        say: takes warnings and where it was tracked.
    """

    def __init__(self, run_dir: Path, *, uri: str | None, fresh: bool, say: Notify, every_s: float) -> None:
        self._run_dir, self._uri, self._fresh, self._say, self._every_s = run_dir, uri, fresh, say, every_s
        self._started_ms = int(time.time() * 1000)
        self._session: RunSession | None = None
        self.ended = False
        """Whether `finish` was called."""

    def begin(self, record: RunRecord) -> RunRecord:
        """Open the MLflow runs; the record with their ids."""
        if self._uri is None:
            return record
        try:
            with open_store(self._uri) as client:
                return self._begun(client, self._uri, record)
        except ConfigError as error:
            self._say(f"tracking: {error}; the run goes on without it")
            return record

    def _begun(self, client: MlflowClient, uri: str, record: RunRecord) -> RunRecord:
        started_ms = None if read_record(self._run_dir) else self._started_ms
        runs = opened_runs(client, record, self._run_dir, uri, fresh=self._fresh, started_ms=started_ms)
        readings = _ShardReadings(client, record, runs, self._run_dir)
        session = RunSession(
            client,
            list(runs.values()),
            uri=uri,
            gather=readings.gather,
            say=self._say,
            later=f"`tsebench report {self._run_dir} --out DIR --tracking-uri {shown(uri)}`",
            every_s=self._every_s,
        )
        session.start()
        self._session = session
        log_facts(client, runs, record)
        self._say(f"tracking in MLflow: {page_of(client, runs[PARENT], uri)}")
        return with_ids(record, runs, uri)

    def finish(self) -> None:
        """Log rows, report and final means of the finished run, and end its MLflow runs."""
        if self._uri is None:
            return
        if self._session is not None:
            self._session.stop()
        self.ended = True
        now_ms = int(time.time() * 1000)
        # A run that had nothing left to do ended when it ended before.
        ended_ms = now_ms if written_ms(self._run_dir) >= self._started_ms else None
        if not track_or_say(self._run_dir, uri=self._uri, say=self._say, ended_ms=ended_ms) and self._session:
            self._session.end("FINISHED")

    def close(self, error: BaseException | None) -> None:
        """End the MLflow runs of a run that was not finished; `error` stopped it."""
        if self._session is None or self.ended:
            return
        self._session.abort(error)


@contextmanager
def tracked_run(
    run_dir: Path, *, uri: str | None, say: Notify, fresh: bool = False, every_s: float = EVERY_S
) -> Iterator[LiveRun]:
    """Track the run that is carried out into a folder; without `finish` at its end, it is finished at the end of this.

    Raises:
        ConfigError: the store cannot be reached at the start; one that fails later costs a warning.
    """
    live = LiveRun(run_dir, uri=uri, fresh=fresh, say=say, every_s=every_s)
    if uri is not None:
        check_store(uri)
    try:
        yield live
    except BaseException as error:
        live.close(error)
        raise
    if not live.ended:
        live.finish()


def track_or_say(run_dir: Path, *, uri: str, say: Notify, ended_ms: int | None = None) -> bool:
    """Track a finished run, and whether that went well; a store that fails costs a line, and no result."""
    try:
        page = track(run_dir, uri=uri, ended_ms=ended_ms)
    except ConfigError as error:
        problem = str(error).partition("; check")[0]
        later = f"`tsebench report {run_dir} --out DIR --tracking-uri URI` tracks them"
        say(f"not tracked, {problem}; the results are complete, {later}")
        return False
    say(f"tracked in MLflow: {page}")
    return True


class _ShardReadings:
    """New readings of a run, from the shards that it has written since the last look."""

    def __init__(self, client: MlflowClient, record: RunRecord, runs: dict[str, str], run_dir: Path) -> None:
        self._record, self._runs, self._run_dir = record, runs, run_dir
        self._means = ShardMeans(run_dir, run_id=record.run_id, metrics=record.metrics, systems=record.systems)
        self._last = {run_id: max(last_step(client, run_id, TRIALS), 0) for run_id in runs.values()}
        self._values: dict[tuple[str, str], float] = {}

    def gather(self) -> Iterator[Readings]:
        """Readings of the systems with new trials, and of the parent; a step is a number of trials."""
        if not self._scoring():
            return
        self._means.update()
        systems = self._means.systems()
        means: dict[tuple[str, Cell], float] = {}
        for system, found in systems.items():
            means |= {(system, cell): mean for cell, mean in found.means.items()}
            own = {name_of(cell): mean for cell, mean in found.means.items()}
            metrics = {**own, TRIALS: found.trials, FAILED: found.failed}
            yield from self._new(self._runs[system_key(system)], found.trials, metrics)
        total = sum(found.trials for found in systems.values())
        progress = parent_progress(self._record, trials=total, failed=sum(each.failed for each in systems.values()))
        yield from self._new(self._runs[PARENT], total, headline_metrics(self._record, means) | progress)

    def _scoring(self) -> bool:
        """Whether rows of another state of the folder are gone: the record is written after that."""
        written = read_record(self._run_dir)
        return written is not None and written.tracking.get(PARENT) == self._runs[PARENT]

    def _new(self, run_id: str, step: int, metrics: dict[str, float]) -> Iterator[Readings]:
        if step > self._last[run_id]:
            self._last[run_id] = step
            changed = {name: value for name, value in metrics.items() if self._values.get((run_id, name)) != value}
            self._values |= {(run_id, name): value for name, value in changed.items()}
            yield Readings(run_id=run_id, step=step, metrics=changed)
