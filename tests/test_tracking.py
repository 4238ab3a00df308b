"""Runs in a real MLflow store: an SQLite file in a temporary folder."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tsebench.bench.config import MetricSpec, RunConfig
from tsebench.bench.record import DatasetRecord, SystemRecord, new_record, read_record, write_record
from tsebench.bench.rows import ScoreRow, write_shard
from tsebench.bench.runner import RunOptions, run
from tsebench.bench.tracking import default_tracking_uri, track
from tsebench.errors import ConfigError, DatasetError
from tsebench.systems.protocol import SystemCard

if TYPE_CHECKING:
    from mlflow import MlflowClient

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own

VALUES = {"good": (8.0, 10.0, 12.0), "bad": (1.0, float("nan"), 3.0), "lost": (float("nan"),) * 3}


def make_run(folder: Path) -> Path:
    """A run folder with known rows: three systems, one of which fails everywhere."""
    systems = {
        title: SystemRecord(
            privileged=False,
            family="external",
            card=SystemCard(
                name="fake",
                family="external",
                description="",
                sha256="ab" * 32,
                options={"gain": 0.5, "odd (name)": "x" * 900},
            ),
            identity=title,
        )
        for title in VALUES
    }
    dataset = DatasetRecord(
        fingerprint="f" * 64,
        version="1",
        builder="none",
        sample_rate_hz=8000,
        licences=(),
        trials={"PMQ 1:1": 3},
        systems=tuple(VALUES),
    )
    record = new_record(
        name="tracked",
        config=RunConfig.model_validate(
            {
                "name": "tracked",
                "datasets": ["set"],
                "systems": list(VALUES),
                "bootstrap": {"resamples": 10},
            }
        ),
        systems=systems,
        datasets={"set": dataset},
        device="cpu",
        seed=7,
    )
    for title, values in VALUES.items():
        rows = [
            ScoreRow(
                run_id=record.run_id,
                system=title,
                dataset="set",
                trial_id=f"t{number}",
                mixture_id=f"t{number}",
                condition="PMQ",
                n_active=1,
                n_inactive=1,
                cluster=f"t{number}",
                metric="si_sdr",
                signature="si_sdr|x",
                value=value,
                status="failed" if math.isnan(value) else "ok",
                reason="broken" if math.isnan(value) else "",
            )
            for number, value in enumerate(values)
        ]
        write_shard(folder / "rows" / f"part-{title}.parquet", rows)
    (folder / "report").mkdir()
    (folder / "report" / "report.md").write_text("# Report")
    write_record(folder, record)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database: making its tables takes seconds, so that the tests share it."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="module")
def tracked(place: Path) -> Path:
    folder = make_run(place / "run")
    track(folder, uri=default_tracking_uri(folder))
    return folder


@pytest.fixture(scope="module")
def client(tracked: Path) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=default_tracking_uri(tracked))


def test_the_store_lies_beside_the_run(tracked: Path, place: Path) -> None:
    assert default_tracking_uri(tracked) == f"sqlite:///{place}/mlflow.db"
    assert (place / "mlflow.db").is_file()


def test_a_parent_and_a_child_for_each_system(client: MlflowClient, tracked: Path) -> None:
    record = read_record(tracked)
    assert record is not None
    experiment = client.get_experiment_by_name("tracked")
    assert experiment is not None
    runs = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"tracked", *VALUES}
    parent = runs["tracked"]
    assert {r.info.status for r in runs.values()} == {"FINISHED"}
    for title in VALUES:
        assert runs[title].data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert record.tracking[f"system:{title}"] == runs[title].info.run_id
    assert record.tracking["tsebench"] == parent.info.run_id


def test_parameters(client: MlflowClient, tracked: Path) -> None:
    record = read_record(tracked)
    assert record is not None
    parent = client.get_run(record.tracking["tsebench"]).data.params
    assert parent["run_id"] == record.run_id
    assert parent["seed"] == "7"
    assert parent["dataset.set"] == "f" * 64
    assert parent["version.torch"] == record.versions["torch"]
    child = client.get_run(record.tracking["system:good"]).data.params
    assert child["sha256"] == "ab" * 32
    assert child["option.gain"] == "0.5"
    assert child["option.odd -name-"] == "x" * 500


def test_metrics_are_the_aggregates(client: MlflowClient, tracked: Path) -> None:
    record = read_record(tracked)
    assert record is not None
    found = {t: client.get_run(record.tracking[f"system:{t}"]).data.metrics for t in VALUES}
    key = "set/PMQ 1-1/si_sdr"
    assert found["good"] == {key: 10.0, f"{key}_n": 3, f"{key}_failed": 0}
    assert found["bad"] == {key: 2.0, f"{key}_n": 2, f"{key}_failed": 1}
    assert found["lost"] == {f"{key}_n": 0, f"{key}_failed": 3}  # nothing vanishes


def test_artifacts_are_files_that_can_be_read(client: MlflowClient, tracked: Path) -> None:
    record = read_record(tracked)
    assert record is not None
    parent = record.tracking["tsebench"]
    top = {item.path for item in client.list_artifacts(parent)}
    assert top == {"rows", "report", "run.json"}
    rows = {item.path for item in client.list_artifacts(parent, "rows")}
    assert rows == {f"rows/part-{title}.parquet" for title in VALUES}
    (stored,) = (tracked.parent / "mlartifacts").rglob("report.md")
    assert stored.read_text() == "# Report"


def test_tracking_again_adds_no_run_and_no_value(client: MlflowClient, tracked: Path) -> None:
    before = read_record(tracked)
    track(tracked, uri=default_tracking_uri(tracked))
    after = read_record(tracked)
    assert before == after
    assert after is not None
    experiment = client.get_experiment_by_name("tracked")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 1 + len(VALUES)
    history = client.get_metric_history(after.tracking["system:good"], "set/PMQ 1-1/si_sdr")
    assert len(history) == 1


def test_a_deleted_child_is_made_anew(client: MlflowClient, tracked: Path) -> None:
    before = read_record(tracked)
    assert before is not None
    client.delete_run(before.tracking["system:bad"])
    gone = replace(before, tracking={**before.tracking, "system:lost": "0" * 32})
    write_record(tracked, gone)
    track(tracked, uri=default_tracking_uri(tracked))
    after = read_record(tracked)
    assert after is not None
    changed = {key for key, value in after.tracking.items() if before.tracking[key] != value}
    assert changed == {"system:bad", "system:lost"}


def test_a_run_that_goes_on_keeps_its_place(tracked: Path, tmp_path: Path) -> None:
    """Started again, also with nothing left to do, it is still the run that was tracked."""
    set_config = tmp_path / "tiny.yaml"
    set_config.write_text(
        "{name: tiny, builder: sound_mix, corpora: {sounds: {kind: synthetic_sounds}}, params: "
        "{count: 1, sample_rate_hz: 8000, duration_s: 1.0, event_s: [0.5, 0.9], n_classes: [2, 2],"
        " level: power, events: {corpus: sounds, labels: [bell, siren]}}}"
    )
    config = RunConfig.model_validate(
        {"name": "on", "datasets": [str(set_config)], "systems": ["mixture"], "metrics": ["snr"]}
    )
    options = RunOptions(out=tmp_path / "on", device="cpu", jobs=0, cache=tmp_path / "cache")
    run(config, options)
    uri = default_tracking_uri(tracked)
    track(options.out, uri=uri)
    first = read_record(options.out)
    run(config, options)
    track(options.out, uri=uri)
    assert read_record(options.out) == first
    run(config.model_copy(update={"metrics": (MetricSpec(name="si_sdr"),)}), options)
    track(options.out, uri=uri)
    other = read_record(options.out)
    assert first is not None
    assert other is not None
    assert first.tracking["tsebench"] != other.tracking["tsebench"]  # its rows are others


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:9",
        "http://nowhere.invalid:5000",
        "nonsense://here",
        "sqlite:////proc/nowhere/mlflow.db",
        "sqlite:///{run}",
        "sqlite:///{run}/run.json",
    ],
)
def test_a_store_that_cannot_be_used_is_told_soon(uri: str, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    named = uri.format(run=folder)
    begin = time.monotonic()
    with pytest.raises(ConfigError, match=r"cannot be used: .*--tracking-uri none") as caught:
        track(folder, uri=named)
    assert time.monotonic() - begin < 15
    assert "\n" not in str(caught.value)
    assert named in str(caught.value)
    record = read_record(folder)
    assert record is not None
    assert record.tracking == {}


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no run\.json"):
        track(tmp_path, uri="sqlite://")


def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = dict(os.environ)
    with pytest.raises(ConfigError):
        track(make_run(tmp_path / "run"), uri="http://127.0.0.1:9")
    assert dict(os.environ) == before
