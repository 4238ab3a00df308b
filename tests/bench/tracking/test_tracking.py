"""Runs in a real MLflow store: an SQLite file in a temporary folder."""

from __future__ import annotations

import getpass
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.mlflow_store import empty_store

from tsebench.bench.config import RunConfig
from tsebench.bench.rows import write_shard
from tsebench.bench.run.new_record import new_record, system_record
from tsebench.bench.run.record import DatasetRecord, read_record, write_record
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.score_row import ScoreRow
from tsebench.bench.scoring.plan import MetricSpec
from tsebench.bench.tracking.log import track, track_report
from tsebench.bench.tracking.search import find_runs
from tsebench.core.errors import ConfigError, DatasetError
from tsebench.core.tracking.ids import TrackingIds, write_ids
from tsebench.core.tracking.store import default_tracking_uri
from tsebench.reports.formats.registry import write_board
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.systems.protocol import SystemCard

if TYPE_CHECKING:
    from mlflow import MlflowClient

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own

VALUES = {"good": (8.0, 10.0, 12.0), "bad": (1.0, float("nan"), 3.0), "lost": (float("nan"),) * 3}


def make_run(folder: Path) -> Path:
    """A run folder with known rows: three systems, one of which fails everywhere."""
    systems = {
        title: system_record(
            SystemCard(
                name="fake",
                family="external",
                description="Answers well." if title == "good" else "",
                sha256="ab" * 32,
                checkpoint="/somewhere/best_one/model.pt",
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
            {"name": "tracked", "datasets": ["set"], "systems": list(VALUES), "bootstrap": {"resamples": 10}}
        ),
        systems=systems,
        datasets={"set": dataset},
        device="cpu",
        seed=7,
    ).model_copy(update={"trials": 9, "failed_trials": 4})
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
    """A folder with a database that the tests share."""
    folder = tmp_path_factory.mktemp("mlflow")
    empty_store(folder)
    return folder


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
    assert child["option.odd_-name-"] == "x" * 500


def test_metrics_are_means_and_counts_are_a_table(client: MlflowClient, tracked: Path) -> None:
    record = read_record(tracked)
    assert record is not None
    found = {t: client.get_run(record.tracking[f"system:{t}"]).data.metrics for t in VALUES}
    key, progress = "set/PMQ_1-1/si_sdr", {"progress/trials": 3, "progress/failed_trials": 0}
    assert found["good"] == {key: 10.0, **progress}
    assert found["bad"] == {key: 2.0, **progress, "progress/failed_trials": 1}
    assert found["lost"] == {**progress, "progress/failed_trials": 3}  # nothing vanishes
    parent = client.get_run(record.tracking["tsebench"]).data.metrics
    assert parent == {
        f"{key}/good": 10.0,
        f"{key}/bad": 2.0,
        "progress/trials": 9,
        "progress/failed_trials": 4,
        "progress/percent": 100.0,
    }
    table = json.loads(mlflow_text(client, record.tracking["tsebench"], "aggregates.json"))
    rows = {row[3]: dict(zip(table["columns"], row, strict=True)) for row in table["data"]}
    assert rows["bad"]["n"] == 2
    assert rows["bad"]["n_failed"] == 1
    assert rows["good"]["ci_low"] <= 10.0 <= rows["good"]["ci_high"]
    assert rows["lost"]["mean"] is None
    own = json.loads(mlflow_text(client, record.tracking["system:bad"], "aggregates.json"))
    assert [row[3] for row in own["data"]] == ["bad"]


def mlflow_text(client: MlflowClient, run_id: str, file: str) -> str:
    return Path(client.download_artifacts(run_id, file)).read_text()


def test_standard_tags(client: MlflowClient, tracked: Path) -> None:
    """Those that MLflow's pages show, and those that a search uses."""
    record = read_record(tracked)
    assert record is not None
    experiment = client.get_experiment_by_name("tracked")
    assert experiment is not None
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    for name in ("tsebench", "system:good"):
        tags = client.get_run(record.tracking[name]).data.tags
        assert tags["mlflow.source.type"] == "LOCAL"
        assert tags["mlflow.source.name"]
        assert tags["mlflow.user"] == getpass.getuser()
        assert tags["mlflow.source.git.commit"] == str(record.git).partition("+")[0]
        assert tags["tsebench.folder"] == f"{socket.gethostname()}:{tracked}"
    child = client.get_run(record.tracking["system:good"]).data
    assert child.params["seed"] == "7"
    assert child.params["git"] == record.git
    assert child.tags["mlflow.note.content"] == "Answers well."
    assert child.params["checkpoint"] == "best_one"


def test_times_are_those_of_the_run(client: MlflowClient, tracked: Path) -> None:
    record = read_record(tracked)
    assert record is not None
    info = client.get_run(record.tracking["tsebench"]).info
    assert info.start_time == int(datetime.fromisoformat(record.created).timestamp() * 1000)
    written = max(path.stat().st_mtime for path in (tracked / "rows").iterdir())
    assert info.end_time == pytest.approx(1000 * written, abs=2)


def test_artifacts_are_files_that_can_be_read(client: MlflowClient, tracked: Path) -> None:
    record = read_record(tracked)
    assert record is not None
    parent = record.tracking["tsebench"]
    top = {item.path for item in client.list_artifacts(parent)}
    assert top == {"rows", "report", "run.json", "aggregates.json"}
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
    history = client.get_metric_history(after.tracking["system:good"], "set/PMQ_1-1/si_sdr")
    assert len(history) == 1


def test_a_deleted_child_is_made_anew(client: MlflowClient, tracked: Path) -> None:
    before = read_record(tracked)
    assert before is not None
    client.delete_run(before.tracking["system:bad"])
    gone = {key: value for key, value in before.tracking.items() if key != "uri"} | {"system:lost": "0" * 32}
    uri = default_tracking_uri(tracked)
    write_ids(tracked, uri, TrackingIds(identity=before.run_id, runs=gone))
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
        {"name": "on", "datasets": [str(set_config)], "systems": ["mixture"], "metrics": ["snr"], "measure_cost": False}
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


def test_an_interrupted_tracking_goes_on_in_its_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs are written down before anything is logged into them."""
    from tsebench.bench.tracking import log as tracking

    folder = make_run(place / "broken_off")
    uri = default_tracking_uri(folder)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tracking, "log", stop)
        with pytest.raises(KeyboardInterrupt):
            track(folder, uri=uri)
    begun = read_record(folder)
    assert begun is not None
    assert set(begun.tracking) == {"uri", "tsebench", *(f"system:{title}" for title in VALUES)}
    track(folder, uri=uri)
    assert read_record(folder) == begun
    found = find_runs(uri, system="good")
    mine = next(run for run in found if run.parent_id == begun.tracking["tsebench"])
    assert mine.metrics["set/PMQ_1-1/si_sdr"] == 10.0


def test_runs_are_found_by_fingerprint_dataset_and_system(tracked: Path) -> None:
    uri, record = default_tracking_uri(tracked), read_record(tracked)
    assert record is not None

    def systems(**wanted: str) -> set[str]:
        parent = record.tracking["tsebench"] if record else ""
        return {run.system for run in find_runs(uri, **wanted) if run.parent_id == parent}

    assert systems() == set(VALUES)
    assert systems(fingerprint="f" * 12) == set(VALUES)
    assert systems(fingerprint="f" * 64, dataset="set", system="good") == {"good"}
    assert systems(dataset="other") == set()
    assert systems(fingerprint="e" * 12) == set()
    assert systems(system="best") == set()
    (good,) = (run for run in find_runs(uri, system="good") if run.parent_id == record.tracking["tsebench"])
    assert good.mlflow_id == record.tracking["system:good"]
    assert good.run_id == record.run_id
    assert good.experiment == "tracked"
    assert good.fingerprints == {"set": "f" * 64}
    assert good.metrics["set/PMQ_1-1/si_sdr"] == 10.0


@pytest.mark.parametrize("wrong", ["abc", "not hex", "%' OR 1=1 --", "f" * 65])
def test_a_fingerprint_that_is_none_is_told(wrong: str) -> None:
    with pytest.raises(ConfigError, match="is not 6 to 64 of the digits 0-9a-f"):
        find_runs("sqlite://", fingerprint=wrong)


def test_the_documented_query_finds_the_same(tracked: Path, client: MlflowClient) -> None:
    experiment = client.get_experiment_by_name("tracked")
    assert experiment is not None
    query = f"tags.`tsebench.fingerprints` LIKE '%{'f' * 12}%' AND tags.`tsebench.system` = 'good'"
    found = {run.info.run_id for run in client.search_runs([experiment.experiment_id], query)}
    assert found == {r.mlflow_id for r in find_runs(default_tracking_uri(tracked), system="good")}
    by_digest = client.search_runs(
        [experiment.experiment_id], f"dataset.digest = '{'f' * 36}' AND dataset.name = 'set'"
    )
    assert found < {run.info.run_id for run in by_digest}


def test_the_files_of_a_report_become_artifacts(place: Path) -> None:
    from mlflow import MlflowClient

    folder, out = make_run(place / "reported"), place / "papers"
    board = open_board([folder])
    files = write_board(board, out, ["latex", "figures"], {"figures": {"only": ["box"]}})
    uri = default_tracking_uri(folder)
    track_report(folder, files, folder=out, uri=uri)
    record = read_record(folder)
    assert record is not None
    client, parent = MlflowClient(tracking_uri=uri), record.tracking["tsebench"]
    tables = {item.path for item in client.list_artifacts(parent, "report/latex")}
    assert {"report/latex/tables.tex", "report/latex/table_set_PMQ-1-1.tex"} <= tables
    figures = {item.path for item in client.list_artifacts(parent, "report/figures")}
    assert {f"report/figures/box_set_PMQ-1-1.{s}" for s in ("pdf", "svg", "png", "csv")} < figures
    assert client.list_artifacts(parent, "report")[-1].path == "report/report.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server on a free port of this machine, stopped at the end."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    quiet = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=quiet, cwd=folder, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # its workers too
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes], output: Path) -> None:
    end = time.monotonic() + 240
    while time.monotonic() < end:
        assert process.poll() is None, output.read_text()[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start: {output.read_text()[-2000:]}")


@pytest.mark.slow
@pytest.mark.long
def test_a_real_server(server: str, tmp_path: Path) -> None:
    """Tracked, tracked again, found again, and the artifacts read back over HTTP."""
    from mlflow import MlflowClient

    folder = make_run(tmp_path / "run")
    track(folder, uri=server)
    first = read_record(folder)
    track(folder, uri=server)
    assert read_record(folder) == first
    assert first is not None
    assert first.tracking["uri"] == server
    client = MlflowClient(tracking_uri=server)
    (good,) = find_runs(server, fingerprint="f" * 12, system="good")
    assert good.mlflow_id == first.tracking["system:good"]
    assert client.get_run(good.mlflow_id).data.metrics["set/PMQ_1-1/si_sdr"] == 10.0
    assert client.get_run(good.mlflow_id).info.status == "FINISHED"
    assert len(find_runs(server)) == len(VALUES)
    local = client.download_artifacts(good.parent_id, "report/report.md", str(tmp_path))
    assert Path(local).read_text() == "# Report"
    assert not (tmp_path / "mlartifacts").exists()  # the server keeps them
