"""The work of a cluster, with tasks that run in this process after a journey as bytes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.scripted import assert_same, bad_system, config

from tsebench.bench.run.record import read_record
from tsebench.bench.run.runner import RunOptions, RunResult, run
from tsebench.bench.shards import chunk_task, ray_executor
from tsebench.bench.shards.ray_executor import RayExecutor
from tsebench.core.errors import ConfigError, OutputError

pytestmark = pytest.mark.usefixtures("fakes")


class LostError(Exception):
    """As Ray raises after the last retry."""


class FakeRay:
    """Tasks run when their results are fetched; nothing but bytes goes there and back.

    Args:
        lost: number of the task that is lost for good, from 0.
    """

    exceptions = SimpleNamespace(RayError=LostError)

    def __init__(self, *, cpus: int = 1, lost: int | None = None) -> None:
        self.cpus, self.lost, self.cancelled, self.started = cpus, lost, 0, 0
        self.there: Callable[[Any], Any] = pickle.dumps
        self.back: Callable[[Any], Any] = pickle.loads

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": self.cpus}}, {"Alive": False, "Resources": {"CPU": 64.0}}]

    def put(self, value: object) -> Handle:
        return Handle(self.there(value))

    def remote(self, function: Callable[..., Any]) -> Any:
        def start(*arguments: object) -> Any:
            self.started += 1
            return (
                self.started - 1,
                function,
                [given.work if isinstance(given, Handle) else self.there(given) for given in arguments],
            )

        def options(**_: object) -> Any:
            return SimpleNamespace(remote=lambda *given: Handle(start(*given)))

        return SimpleNamespace(options=options)

    def wait(self, handles: list[Any], *, num_returns: int) -> tuple[list[Any], list[Any]]:
        return [handles[-1]], handles[:-1]  # in another order than they were started

    def get(self, handle: Handle) -> Any:
        number, function, arguments = handle.work
        if number == self.lost:
            raise LostError("node died")
        return self.back(self.there(function(*map(self.back, arguments))))

    def cancel(self, _: Handle, *, force: bool) -> None:
        self.cancelled += 1


class Handle:
    def __init__(self, work: Any) -> None:
        self.work = work


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    ray = FakeRay()

    monkeypatch.setattr(ray_executor, "_cluster", lambda _: nullcontext(ray))
    return ray


def go(
    out: Path, *sets: Path, executor: RayExecutor | None = None, cache: Path | None = None, **more: Any
) -> RunResult:
    options = RunOptions(out=out, device="cpu", jobs=0, chunk_trials=4, executor=executor, cache=cache)
    systems = ["mixture", {**bad_system("raise", "test-000001_q1"), "label": "raises"}]
    return run(config(*sets, **{"systems": systems, **more}), options)


def files(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in (out / "rows").iterdir()}


def test_tasks_make_the_rows_of_a_local_run(sets: list[Path], tmp_path: Path, fake: FakeRay) -> None:
    whole = go(tmp_path / "local", *sets, cache=tmp_path / "a", keep_estimates=True)
    three = RayExecutor(tasks=3)
    done = go(tmp_path / "ray", *sets, executor=three, cache=tmp_path / "b", keep_estimates=True)
    assert fake.started == 3
    assert files(tmp_path / "ray") == files(tmp_path / "local")
    assert_same(tmp_path / "ray", tmp_path / "local")
    assert (done.trials, done.failed_trials, done.record.run_id) == (
        whole.trials,
        whole.failed_trials,
        whole.record.run_id,
    )
    kept = [sorted(p.relative_to(out) for p in out.rglob("*.wav")) for out in (tmp_path / "ray", tmp_path / "local")]
    assert kept[0] == kept[1] != []


def test_a_run_goes_on_with_what_is_missing(sets: list[Path], tmp_path: Path, fake: FakeRay) -> None:
    fake.lost = 0
    with pytest.raises(OutputError, match=r"a task of 2 files of rows was lost 6 times or failed: node died; what is"):
        go(tmp_path / "run", sets[1], executor=RayExecutor(tasks=3), cache=tmp_path / "a")
    assert len(files(tmp_path / "run")) == 4
    assert fake.cancelled == 1
    record = read_record(tmp_path / "run")
    assert record is not None
    assert not record.finished
    fake.lost = None
    go(tmp_path / "run", sets[1], executor=RayExecutor(tasks=3), cache=tmp_path / "b")
    assert fake.started == 4
    go(tmp_path / "local", sets[1], cache=tmp_path / "c")
    assert files(tmp_path / "run") == files(tmp_path / "local")


def test_scores_and_corpora_are_sent(sets: list[Path], tmp_path: Path, fake: FakeRay) -> None:
    send = RayExecutor(tasks=1, send=True)
    go(tmp_path / "first", sets[1], executor=send, cache=tmp_path / "cache", systems=["mixture", "oracle_target"])
    known = sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert known
    before = {path: path.stat().st_mtime_ns for path in known}
    go(tmp_path / "again", sets[1], executor=send, cache=tmp_path / "cache", systems=["mixture", "oracle_target"])
    assert {path: path.stat().st_mtime_ns for path in known} == before
    assert files(tmp_path / "first") == files(tmp_path / "again")


def test_costs_are_measured_by_a_worker(sets: list[Path], tmp_path: Path, fake: FakeRay) -> None:
    more = {"systems": ["mixture"], "measure_cost": True, "metrics": ["snri"]}
    done = go(tmp_path / "run", sets[1], executor=RayExecutor(tasks=2), **more)
    assert done.record.systems["mixture"].cost is not None
    again = go(tmp_path / "run", sets[1], executor=RayExecutor(tasks=2), **more)
    assert fake.started == 2
    assert again.record.systems["mixture"].cost == done.record.systems["mixture"].cost


def test_what_a_worker_cannot_do_is_one_line(
    sets: list[Path], tmp_path: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.cpus = 0
    with pytest.raises(ConfigError, match="no node of the Ray cluster has 1 CPUs for a worker, the largest has 0 CPUs"):
        go(tmp_path / "none", sets[1], executor=RayExecutor())
    fake.cpus = 1
    with pytest.raises(ConfigError, match=r"no node of the Ray cluster has 1 CPUs and 0.5 GPUs"):
        go(tmp_path / "gpus", sets[1], executor=RayExecutor(), gpus_per_worker=0.5)

    options = SimpleNamespace(device="cuda", jobs=1)
    planned: Any = SimpleNamespace(options=options, config=SimpleNamespace(gpus_per_worker=None))
    with pytest.raises(ConfigError, match=r"--device cuda, and workers have no GPUs; leave out --device, or .*"):
        ray_executor._room(fake, planned)

    def refused(*_: object) -> None:
        raise ConfigError("corpus 'x' needs its folder")

    monkeypatch.setattr(chunk_task, "run", refused)
    with pytest.raises(ConfigError, match=r"on a worker: corpus 'x' needs its folder; workers need the same files"):
        go(tmp_path / "refused", sets[1], executor=RayExecutor())


def test_a_worker_with_other_code_is_named(
    sets: list[Path], tmp_path: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(shared: Any, task: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tsebench.bench.scoring.identity.__version__", "99")
            return chunk_task.carry_out(shared, task)

    monkeypatch.setattr(ray_executor, "carry_out", elsewhere)
    fake.there = fake.back = lambda value: value
    with pytest.raises(ConfigError, match=r"a worker found system 'mixture' with other code, weights or package"):
        go(tmp_path / "run", sets[1], executor=RayExecutor(tasks=1))
    assert not list((tmp_path / "run" / "rows").iterdir())
