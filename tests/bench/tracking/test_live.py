"""Runs in MLflow while they go on: opened at the start, ended as they end, and gone on with after a kill."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.mlflow_store import empty_store
from mlflow import MlflowClient

from tsebench.bench.config import RunConfig
from tsebench.bench.rows import read_rows
from tsebench.bench.run.record import RunRecord, read_record
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.tracking import live as live_module
from tsebench.bench.tracking.live import LiveRun, tracked_run
from tsebench.bench.tracking.search import find_runs
from tsebench.core.errors import ConfigError
from tsebench.core.tracking.ids import read_ids
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own

SYSTEMS, TRIALS, CELL = ("mixture", "silence"), 6, "tiny/FMQ_1-0/snr"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("set") / "tiny"
    recipe = {
        "name": "tiny",
        "builder": "sound_mix",
        "corpora": {"sounds": {"kind": "synthetic_sounds"}},
        "params": {
            "count": TRIALS,
            "sample_rate_hz": 8000,
            "duration_s": 0.5,
            "event_s": [0.2, 0.4],
            "n_classes": [2, 2],
            "level": "power",
            "events": {"corpus": "sounds", "labels": ["bell", "siren"]},
        },
    }
    build(DatasetConfig.model_validate(recipe), out, corpus_dirs={})
    return out


class Work:
    """A run of two systems, in chunks of two trials, that `at` may disturb after some chunk."""

    def __init__(self, place: Path, dataset: Path) -> None:
        self.out, self.uri, self.said = place / "run", empty_store(place), list[str]()
        self._cache = place / "cache"
        self.client = MlflowClient(self.uri)
        self.config = RunConfig.model_validate(
            {
                "name": "live",
                "description": "A run that is watched.",
                "datasets": [str(dataset)],
                "systems": list(SYSTEMS),
                "metrics": ["snr"],
                "measure_cost": False,
                "bootstrap": {"resamples": 10},
            }
        )

    def run(
        self, *, at: Callable[[str, int], None] = lambda *_: None, fresh: bool = False, finish: bool = True
    ) -> LiveRun:
        with tracked_run(self.out, uri=self.uri, say=self.said.append, fresh=fresh, every_s=0.02) as live:
            options = RunOptions(
                out=self.out,
                device="cpu",
                jobs=0,
                fresh=fresh,
                chunk_trials=2,
                cache=self._cache,
                progress=Progress(at),
                say=self.said.append,
                begin=live.begin,
            )
            run(self.config, options)

    def runs(self) -> dict[str, Any]:
        experiment = self.client.get_experiment_by_name("live")
        assert experiment is not None
        found = self.client.search_runs([experiment.experiment_id])
        assert len({r.info.run_name for r in found}) == len(found), "a run is there twice"
        return {r.info.run_name: r for r in found}

    def statuses(self) -> set[str]:
        return {r.info.status for r in self.runs().values()}

    def check_complete(self) -> None:
        """One parent and one child for each system, all finished, with steps that rise and values once for each."""
        runs, record = self.runs(), read_record(self.out)
        assert record is not None
        assert set(runs) == {"live", *SYSTEMS}
        assert {r.info.status for r in runs.values()} == {"FINISHED"}
        for name, each in runs.items():
            if name != "live":
                assert each.data.tags["mlflow.parentRunId"] == runs["live"].info.run_id
                assert each.data.metrics["progress/trials"] == TRIALS
            assert each.info.start_time <= each.info.end_time
            for key in each.data.metrics:
                steps = [m.step for m in sorted(self.history(name, key), key=lambda m: m.timestamp)]
                assert steps == sorted(set(steps)), (name, key, steps)
        assert runs["live"].data.metrics["progress/percent"] == 100.0
        rows = read_rows(self.out).query("system == 'silence'")
        assert len(rows) == TRIALS
        assert runs["silence"].data.metrics[CELL] == pytest.approx(rows["value"].mean())

    def history(self, name: str, key: str) -> list[Any]:
        return list(self.client.get_metric_history(self.runs()[name].info.run_id, key))


class Progress:
    """Calls a function with the name and the count of each step of the work."""

    def __init__(self, at: Callable[[str, int], None]) -> None:
        self._at = at

    def __call__(self, what: str, total: int) -> Progress:
        self._what, self._done = what, 0
        return self

    def __enter__(self) -> Callable[[int], None]:
        def advance(count: int) -> None:
            self._done += count
            self._at(self._what, self._done)

        return advance

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def work(tmp_path: Path, dataset: Path) -> Work:
    return Work(tmp_path, dataset)


def raising(error: BaseException) -> Callable[[str, int], None]:
    """Stops the second system in its middle."""

    def at(what: str, done: int) -> None:
        if "silence" in what and done >= 4:
            raise error

    return at


def test_a_run_is_there_while_it_goes_on(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    seen: dict[str, Any] = {}

    def look(what: str, done: int) -> None:
        if "silence" in what and done == 4:
            end = time.monotonic() + 10
            while time.monotonic() < end and not seen.get("means"):
                runs = work.runs()
                seen["statuses"] = {name: r.info.status for name, r in runs.items()}
                seen["percent"] = runs["live"].data.metrics.get("progress/percent", 0.0)
                seen["means"] = {k for k in runs["live"].data.metrics if k.endswith("/mixture")}
                time.sleep(0.02)

    begun_ms = time.time() * 1000
    work.run(at=look)
    assert seen["statuses"] == dict.fromkeys(("live", *SYSTEMS), "RUNNING")
    assert 0 < seen["percent"] < 100
    assert seen["means"] == {f"{CELL}/mixture"}
    work.check_complete()
    parent = work.runs()["live"]
    assert begun_ms - 1 <= parent.info.start_time
    assert parent.info.end_time <= time.time() * 1000
    assert any(key.startswith("system/") for key in parent.data.metrics)
    assert parent.data.tags["mlflow.note.content"] == "A run that is watched."
    page = f"#/experiments/1/runs/{parent.info.run_id}?workflowType=machine_learning"
    where = f"{work.uri} (`mlflow ui --backend-store-uri {work.uri}`, then http://127.0.0.1:5000/{page})"
    assert work.said == [f"tracking in MLflow: {where}", f"tracked in MLflow: {where}"]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [(KeyboardInterrupt(), "KILLED", None), (ConfigError("the disk is odd"), "FAILED", "ConfigError: the disk is odd")],
)
def test_a_stopped_run_says_how_and_goes_on(work: Work, error: BaseException, status: str, text: str | None) -> None:
    with pytest.raises(type(error)):
        work.run(at=raising(error))
    first = work.runs()
    assert work.statuses() == {status}
    assert first["live"].data.tags.get("tsebench.error") == text
    assert first["silence"].data.metrics["progress/trials"] == 4  # the last rows before the end, too
    work.run()
    work.check_complete()
    after = work.runs()
    assert {n: r.info.run_id for n, r in after.items()} == {n: r.info.run_id for n, r in first.items()}
    assert after["live"].info.start_time == first["live"].info.start_time
    assert "tsebench.error" not in after["live"].data.tags


def killed(work: Work, monkeypatch: pytest.MonkeyPatch, at: Callable[[str, int], None]) -> None:
    """A run that ends without a word to MLflow, as by SIGKILL."""
    with monkeypatch.context() as patch:
        patch.setattr(LiveRun, "close", lambda self, _error: self._session.stop())
        with pytest.raises(KeyboardInterrupt):
            work.run(at=at)


def test_a_killed_run_goes_on_in_its_runs(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(work, monkeypatch, raising(KeyboardInterrupt()))
    first = work.runs()
    assert work.statuses() == {"RUNNING"}
    work.run()
    work.check_complete()
    assert {r.info.run_id for r in work.runs().values()} == {r.info.run_id for r in first.values()}


def test_a_run_killed_before_its_record_is_written_goes_on(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are measured between; the ids are in tracking.json by then."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tsebench.bench.run.runner._write_rows", stop)
        killed(work, patch, lambda *_: None)
    assert read_record(work.out) is None
    first = work.runs()
    assert work.statuses() == {"RUNNING"}
    work.run()
    work.check_complete()
    assert {r.info.run_id for r in work.runs().values()} == {r.info.run_id for r in first.values()}


def test_a_run_that_starts_over_is_a_new_one(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(work, monkeypatch, raising(KeyboardInterrupt()))
    first = {r.info.run_id for r in work.runs().values()}
    work.run(fresh=True)
    ids = read_ids(work.out, work.uri)
    assert ids is not None
    assert not first & set(ids.runs.values())
    assert {work.client.get_run(each).info.status for each in first} == {"KILLED"}
    assert {work.client.get_run(each).info.status for each in ids.runs.values()} == {"FINISHED"}


def test_a_run_with_nothing_left_to_do_stays_as_it_ended(work: Work) -> None:
    work.run()
    first = work.runs()
    time.sleep(0.05)
    work.run()
    after = work.runs()
    for name in first:
        assert after[name].info.status == "FINISHED"
        assert after[name].info.end_time <= first[name].info.end_time
    work.check_complete()


def test_a_server_that_dies_costs_a_warning(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers again later: what was missed is there."""
    sent, dead = MlflowClient.log_batch, [False]

    def log_batch(self: MlflowClient, *arguments: Any, **named: Any) -> None:
        if dead[0]:
            raise ConnectionError("no route to host")
        sent(self, *arguments, **named)

    def at(what: str, done: int) -> None:
        if "silence" in what:
            dead[0] = done < 6
            end = time.monotonic() + 10
            while time.monotonic() < end and not any("no route to host" in line for line in work.said):
                time.sleep(0.02)

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    work.run(at=at)
    (warned,) = (line for line in work.said if "no route to host" in line)
    assert work.uri in warned
    assert "results are complete" in warned
    assert f"`tsebench report {work.out} --out DIR --tracking-uri {work.uri}`" in warned
    work.check_complete()


def test_a_server_that_is_dead_at_the_end_loses_nothing(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConfigError("MLflow at 'x' cannot be used: gone")

    with monkeypatch.context() as patch:
        patch.setattr(live_module, "track", fail)
        work.run()
    assert len(read_rows(work.out)) == 2 * TRIALS
    assert work.said[-1] == (
        "not tracked, MLflow at 'x' cannot be used: gone; the results are complete, "
        f"`tsebench report {work.out} --out DIR --tracking-uri URI` tracks them"
    )
    work.run()  # tracks it now
    work.check_complete()


def test_a_server_that_cannot_be_reached_stops_the_run_before_it_begins(work: Work) -> None:
    work.uri = "http://127.0.0.1:9"
    with pytest.raises(ConfigError, match=r"cannot be used: .*--tracking-uri none"):
        work.run()
    assert not work.out.exists()


def test_a_run_that_is_not_tracked(tmp_path: Path) -> None:
    record = RunRecord(run_id="r", name="n")
    with tracked_run(tmp_path, uri=None, say=pytest.fail) as live:
        assert live.begin(record) is record


def test_find_runs_finds_runs_that_go_on(work: Work) -> None:
    found: list[str] = []
    work.run(at=lambda what, done: found.extend(r.system for r in find_runs(work.uri)) if done == 2 else None)
    assert set(found) == set(SYSTEMS)
