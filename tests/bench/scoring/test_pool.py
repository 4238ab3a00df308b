"""The process pool: values, crashes, hangs, and what a metric may do to its process."""

from __future__ import annotations

import errno
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tsebench.bench.metrics.protocol import FileMetric, MetricInfo
from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.outcome import Outcome
from tsebench.bench.scoring import pool as pool_module
from tsebench.bench.scoring import worker_process
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.worker import packed
from tsebench.core.errors import TsebenchError

PLUG_IN = '''
import os, signal, sys, time
from tsebench.bench.metrics.protocol import MetricInfo
from tsebench.bench.outcome import FailedValueError, UndefinedValueError

class Wild:
    """Does what the first sample of the reference says; otherwise the mean of the estimate."""

    info = MetricInfo(name="wild", unit="", higher_is_better=True, description="for tests")

    def signature(self, sample_rate_hz):
        return f"wild|fs:{sample_rate_hz}"

    def compute_file(self, *, estimate, reference, sample_rate_hz):
        deed = int(reference[0])
        if deed == 1: os._exit(3)
        if deed == 2: time.sleep(60)
        if deed == 3: raise KeyError("no such\\n  band")
        if deed == 4: os.kill(os.getpid(), signal.SIGSEGV)
        if deed == 5: print("noise on standard output"); sys.stdout.flush(); os.write(1, b"x" * 99)
        if deed == 6: raise UndefinedValueError("no_frames")
        if deed == 7: raise FailedValueError("no_utterance")
        if deed == 8: return float("nan")
        if deed == 9: time.sleep(0.2)
        if deed == 10: return os.getpid()
        if deed == 11: return int(os.environ["OMP_NUM_THREADS"])
        if deed == 12 and not os.path.exists(os.environ["WILD_MARK"]):
            open(os.environ["WILD_MARK"], "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        if deed == 14: time.sleep(1.0)
        if deed == 13:
            for fd in range(3, 20):
                try: os.write(fd, b"x" * 400)
                except OSError: pass
        return float(estimate.mean())
'''
NOTHING, EXIT, HANG, RAISE, SEGFAULT, PRINT, UNDEFINED, FAIL, NAN, SLOW, PID, THREADS, ONCE, SCRIBBLE, SECOND = range(
    15
)


@pytest.fixture
def wild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileMetric:
    """A metric that lives where only this process's import path finds it."""
    (tmp_path / "wild_metric.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(tmp_path)
    metric = import_module("wild_metric").Wild()
    assert isinstance(metric, FileMetric)
    return metric


def ask(pool: FilePool, metric: FileMetric, deed: int, value: float = 0.5) -> Future[Outcome]:
    return pool.submit(
        partial(
            metric.compute_file,
            estimate=np.full(4, value, dtype=np.float32),
            reference=np.full(4, deed, dtype=np.float32),
            sample_rate_hz=8000,
        )
    )


ORDINARY = {
    NOTHING: (0.5, "ok", ""),
    RAISE: (math.nan, "failed", "KeyError: 'no such\\n band'"),
    PRINT: (0.5, "ok", ""),
    UNDEFINED: (math.nan, "undefined", "no_frames"),
    FAIL: (math.nan, "failed", "no_utterance"),
    NAN: (math.nan, "failed", "non_finite_value"),
}


@pytest.mark.parametrize("jobs", [0, 1])
def test_values_and_reasons(wild: FileMetric, jobs: int, capfd: Any) -> None:
    with FilePool(jobs) as pool:
        futures = {deed: ask(pool, wild, deed) for deed in ORDINARY}
    for deed, (value, status, reason) in ORDINARY.items():
        outcome = futures[deed].result()
        assert outcome.value == pytest.approx(value, nan_ok=True)
        assert outcome.status == status
        assert "".join(outcome.reason.split()) == "".join(reason.split())
        assert "\n" not in outcome.reason
    capfd.readouterr()


def test_a_crash_costs_its_own_value_only(wild: FileMetric) -> None:
    crashes = {3: EXIT, 4: SEGFAULT}
    with FilePool(2) as pool:
        futures = [ask(pool, wild, crashes.get(i, SLOW), value=i) for i in range(10)]
        outcomes = [future.result(timeout=60) for future in futures]
    for i, outcome in enumerate(outcomes):
        if i in crashes:
            assert (outcome.status, outcome.reason) == ("failed", "crashed")
        else:
            assert (outcome.status, outcome.value) == ("ok", float(i))


def test_a_worker_that_is_killed_at_work_costs_no_value(
    wild: FileMetric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WILD_MARK", str(tmp_path / "killed"))
    lines: list[str] = []
    with FilePool(1, notify=lines.append) as pool:
        assert ask(pool, wild, ONCE).result(timeout=60).value == 0.5
    assert lines == ["1 values of file metrics whose worker process crashed were tried once more: all worked"]


def test_a_task_that_always_crashes_is_tried_twice_and_said(wild: FileMetric) -> None:
    lines: list[str] = []
    with FilePool(1, notify=lines.append) as pool:
        assert ask(pool, wild, EXIT).result(timeout=60).reason == "crashed"
        assert ask(pool, wild, NOTHING).result(timeout=60).value == 0.5
    assert lines == [
        "1 values of file metrics whose worker process crashed were tried once more: 1 failed again and have the "
        "reason 'crashed'; the next run tries them again"
    ]


def test_idle_workers_that_are_killed_are_replaced_in_silence(wild: FileMetric) -> None:
    lines: list[str] = []
    with FilePool(1, notify=lines.append) as pool:
        for _ in range(2):
            pid = int(ask(pool, wild, PID).result(timeout=60).value)
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ask(pool, wild, NOTHING).result(timeout=60).value == 0.5
    assert lines == []


def test_a_metric_that_writes_into_the_pipe_costs_its_own_value(wild: FileMetric, capfd: Any) -> None:
    with FilePool(1) as pool:
        assert ask(pool, wild, SCRIBBLE).result(timeout=60).reason == "crashed"
        assert ask(pool, wild, NOTHING).result(timeout=60).value == 0.5
    capfd.readouterr()


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_worker_that_is_killed_while_it_starts_is_started_again(
    wild: FileMetric, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    begin, started = pool_module.WorkerProcess._begun, []

    def begun() -> Any:
        process = begin()
        started.append(process)
        if len(started) <= deaths:
            process.kill()
        return process

    monkeypatch.setattr(pool_module.WorkerProcess, "_begun", staticmethod(begun))
    with FilePool(1) as pool:
        assert ask(pool, wild, NOTHING).result(timeout=60).value == 0.5
    assert len(started) == deaths + 1


def test_a_machine_without_room_for_a_process_is_a_clear_error(
    wild: FileMetric, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(worker_process.subprocess, "Popen", full)
    with FilePool(1) as pool, pytest.raises(TsebenchError, match=r"cannot start a worker process.*unavailable"):
        ask(pool, wild, NOTHING).result(timeout=30)


def test_a_hang_is_ended_by_the_time_limit(wild: FileMetric) -> None:
    with FilePool(1, time_limit_s=0.5) as pool:
        assert ask(pool, wild, HANG).result(timeout=30).reason == "time_limit"
        pool._time_limit_s = 60.0  # the next worker imports its code first
        assert ask(pool, wild, NOTHING).result(timeout=60).value == 0.5


def test_tasks_that_wait_behind_one_that_ends_its_worker_are_done_by_another(wild: FileMetric) -> None:
    lines: list[str] = []
    deeds = [SLOW, EXIT, SLOW, HANG, *[NOTHING] * 5, SEGFAULT, *[NOTHING] * 5]
    with FilePool(1, time_limit_s=2.0, notify=lines.append) as pool:
        futures = [ask(pool, wild, deed, value=place) for place, deed in enumerate(deeds)]
        outcomes = [future.result(timeout=60) for future in futures]
    for place, (deed, outcome) in enumerate(zip(deeds, outcomes, strict=True)):
        if deed in {SLOW, NOTHING}:
            assert (outcome.status, outcome.value) == ("ok", float(place))
        else:
            assert outcome.reason == ("time_limit" if deed == HANG else "crashed")
    # Those behind them were not begun: they are no second tries.
    assert [line.split(" were ")[0] for line in lines] == ["2 values of file metrics whose worker process crashed"]


def test_a_task_larger_than_the_pipe_waits_for_the_one_before_it(wild: FileMetric) -> None:
    with FilePool(1) as pool:
        futures = [
            pool.submit(
                partial(
                    wild.compute_file,
                    estimate=np.full(1 << 20, value, dtype=np.float32),
                    reference=np.full(4, SLOW, dtype=np.float32),
                    sample_rate_hz=8000,
                )
            )
            for value in range(4)
        ]
        assert [future.result(timeout=60).value for future in futures] == [0, 1, 2, 3]


def test_the_time_limit_counts_from_when_the_task_before_is_done(wild: FileMetric) -> None:
    # Each takes a second, and the next one is with the worker meanwhile.
    with FilePool(1, time_limit_s=1.6) as pool:
        ask(pool, wild, NOTHING).result(timeout=60)
        futures = [ask(pool, wild, SECOND, value=place) for place in range(3)]
        assert [future.result(timeout=60).value for future in futures] == [0, 1, 2]


def test_the_last_tasks_go_to_the_first_idle_workers(wild: FileMetric) -> None:
    with FilePool(2, time_limit_s=3.0) as pool:
        for future in [ask(pool, wild, SLOW) for _ in range(2)]:
            future.result(timeout=60)  # both are up
        hanging, *others = [ask(pool, wild, deed) for deed in (HANG, SLOW, SLOW)]
        assert [future.result(timeout=60).value for future in others] == [0.5, 0.5]
        assert not hanging.done()  # none waits behind it
        assert hanging.result(timeout=60).reason == "time_limit"


def test_workers_that_are_started_early_do_the_first_tasks(wild: FileMetric, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []

    class Counted(pool_module.WorkerProcess):
        def __init__(self) -> None:
            started.append(self)
            super().__init__()

    monkeypatch.setattr(pool_module, "WorkerProcess", Counted)
    with FilePool(2) as pool:
        pool.start()
        deadline = time.monotonic() + 30
        while len(started) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(started) == 2
        assert [ask(pool, wild, NOTHING).result(timeout=30).value for _ in range(4)] == [0.5] * 4
    assert len(started) == 2
    FilePool(0).start()  # has no workers


def test_a_worker_serves_many_tasks_and_uses_one_thread(wild: FileMetric) -> None:
    with FilePool(3) as pool:
        pids = [ask(pool, wild, PID).result().value for _ in range(6)]
        assert ask(pool, wild, THREADS).result().value == 1
    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()


def test_workers_are_gone_after_the_pool_is_left(wild: FileMetric) -> None:
    with FilePool(1) as pool:
        pid = int(ask(pool, wild, PID).result().value)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_error_in_the_caller_does_not_wait_for_hanging_metrics(wild: FileMetric) -> None:
    futures: list[Future[Outcome]] = []

    def interrupted() -> None:
        with FilePool(1) as pool:
            ask(pool, wild, NOTHING).result()
            futures.extend(ask(pool, wild, HANG) for _ in range(3))
            while not all(future.running() for future in futures[:2]):
                time.sleep(0.01)
            raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - begin < 15
    # One is at the worker, and one is ready for it.
    assert [future.cancelled() for future in futures] == [False, False, True]
    assert [future.result().status for future in futures[:2]] == ["failed", "failed"]


def test_a_worker_that_cannot_start_is_a_clear_error(wild: FileMetric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    with FilePool(1) as pool, pytest.raises(TsebenchError, match="does not start, tried 3 times: exit code 1"):
        ask(pool, wild, NOTHING).result(timeout=30)


def test_arrays_cross_without_a_copy_of_their_own() -> None:
    samples = np.frombuffer(b"__main__" * 64, np.float32)  # what looks like a name of code is none
    whole, *arrays = packed(partial(np.sum, samples)) or ()
    assert len(whole) < 200
    assert np.shares_memory(np.frombuffer(arrays[0], np.float32), samples)
    many = [np.arange(row, row + 3.0) for row in range(700)]  # more than the system takes at once
    large = np.arange(3e6)  # more than the pipe takes
    with FilePool(1) as pool:
        for given in (samples, samples[::3], np.zeros(0), np.asfortranarray(np.ones((3, 4))), many, large):
            assert pool.submit(partial(np.sum, given)).result() == Outcome(value=float(np.sum(given)), status="ok")


def test_workers_import_little() -> None:
    metrics = ("energy", "bsseval", "stoi", "pesq")
    program = "import sys, tsebench.bench.scoring.worker, tsebench.bench.scoring.batch_job\n"
    program += "".join(f"import tsebench.bench.metrics.{name}\n" for name in metrics) + "print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"torch", "scipy", "pandas", "pydantic", "soundfile", "importlib.metadata"}
    assert not (heavy | {"tsebench.systems.protocol", "tsebench.datasets.types"}) & set(done.stdout.split())


def test_registered_metrics_can_cross_to_a_worker() -> None:
    generator = np.random.default_rng(0)
    reference = generator.standard_normal(16000).astype(np.float32)
    estimate = reference + generator.standard_normal(16000).astype(np.float32)
    metric = load_metric("pesq")
    assert isinstance(metric, FileMetric)
    outcomes = []
    for jobs in (0, 1):
        with FilePool(jobs) as pool:
            future = pool.submit(
                partial(metric.compute_file, estimate=estimate, reference=reference, sample_rate_hz=16000)
            )
            outcomes.append(future.result())
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].status == "ok"


class OfTheScript:
    """A metric as a script or notebook defines it."""

    info = MetricInfo(name="of_the_script")

    def signature(self, sample_rate_hz: int) -> str:
        return f"of_the_script|{sample_rate_hz}"

    def compute_file(self, *, estimate: Any, reference: Any, sample_rate_hz: int) -> float:
        return float(os.getpid())


def test_a_class_of_the_script_is_used_in_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OfTheScript, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "OfTheScript", OfTheScript, raising=False)
    job = partial(OfTheScript().compute_file, estimate=None, reference=None, sample_rate_hz=8000)
    with FilePool(1) as pool:
        assert pool.submit(job).result() == Outcome(value=float(os.getpid()), status="ok")
