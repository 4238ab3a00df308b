"""Runs in MLflow: a parent run for the experiment, a child for each system.

Parameters, aggregates as metrics, rows and report as artifacts. The default store is an SQLite file
beside the run folder; a tracking server is given by its URI. A run that is tracked again goes into
the MLflow runs that it already has.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, DatasetError
from .record import RunRecord, read_record, write_record
from .rows import read_rows
from .statistics import Aggregate, aggregate

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PARENT = "tsebench"
_SQLITE = "sqlite:///"
# MLflow's own patience with a server that does not answer is several minutes.
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_QUIET = {"MLFLOW_ENABLE_ASYNC_LOGGING": "false", "GIT_PYTHON_REFRESH": "quiet"}
_MOST_METRICS, _MOST_PARAMETERS = 1000, 100  # of one request to MLflow


def default_tracking_uri(run_dir: Path) -> str:
    """SQLite file beside the run folder, shared by the runs of one place."""
    return f"{_SQLITE}{run_dir.resolve().parent / 'mlflow.db'}"


def track(run_dir: Path, *, uri: str) -> None:
    """Log a run folder, its rows, aggregates and report.

    Args:
        run_dir: a finished run.
        uri: MLflow tracking URI.

    Raises:
        ConfigError: the store cannot be reached.
        DatasetError: the folder holds no run.
    """
    record = read_record(run_dir)
    if record is None:
        raise DatasetError(f"{str(run_dir)!r} holds no run.json; run something into it first")
    by_system = _by_system(record, run_dir)
    with _client(uri) as client:
        experiment = _experiment(client, record.name, run_dir, uri)
        before = record.tracking if record.tracking.get("uri") == uri else {}
        parent = _run(client, experiment, record.name, before.get(_PARENT), {})
        tracked = {"uri": uri, _PARENT: parent}
        _log_parent(client, parent, record, run_dir)
        for system, cells in by_system.items():
            key, tags = f"system:{system}", {"mlflow.parentRunId": parent}
            child = tracked[key] = _run(client, experiment, system, before.get(key), tags)
            _log_system(client, child, record, system, cells)
            client.set_terminated(child)
        client.set_terminated(parent)
    write_record(run_dir, replace(record, tracking=tracked))


@contextmanager
def _client(uri: str) -> Iterator[MlflowClient]:
    """A client whose start-up chatter is kept off the terminal.

    Raises:
        ConfigError: the store cannot be reached.
    """
    with warnings.catch_warnings(), _environment(_QUIET):
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient  # noqa: PLC0415 - takes a second to import
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        try:
            with _environment(_IMPATIENT):
                _check_file(uri)
                client = MlflowClient(tracking_uri=uri)
                client.search_experiments(max_results=1)
            yield client
        except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
            first = str(error).partition("\n")[0]
            raise ConfigError(
                f"MLflow at {uri!r} cannot be used: {first}; "
                "check --tracking-uri, or turn tracking off with --tracking-uri none"
            ) from None


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while; one that the user has set stays."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _check_file(uri: str) -> None:
    """Open an SQLite file once, because MLflow tries for minutes to open one that cannot be.

    Raises:
        OSError, sqlite3.Error: its folder cannot be made, or it is no database.
    """
    path = Path(uri.removeprefix(_SQLITE))
    if uri.startswith(_SQLITE) and path.name:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA schema_version").fetchone()


def _experiment(client: MlflowClient, name: str, run_dir: Path, uri: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # A server keeps artifacts where it is set up to; a local store keeps them beside itself.
    local = uri.startswith("sqlite:")
    artifacts = (run_dir.resolve().parent / "mlartifacts").as_uri() if local else None
    return str(client.create_experiment(name, artifact_location=artifacts))


def _run(
    client: MlflowClient, experiment: str, name: str, before: str | None, tags: Mapping[str, str]
) -> str:
    """Id of the run to log into: the one from before if it is still there, or a new one."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    if before is not None:
        try:
            found = client.get_run(before).info
        except MlflowException:
            found = None  # removed for good
        if found is not None and found.lifecycle_stage == "active":
            return before
    return str(client.create_run(experiment, run_name=name, tags=dict(tags)).info.run_id)


def _log_parent(client: MlflowClient, run_id: str, record: RunRecord, run_dir: Path) -> None:
    parameters = {
        "run_id": record.run_id,
        "device": record.device,
        "git": record.git or "",
        "seed": record.seed,
        **{f"dataset.{name}": found.fingerprint for name, found in record.datasets.items()},
        **{f"version.{name}": found for name, found in record.versions.items()},
    }
    _log(client, run_id, parameters=parameters, metrics={})
    for name in ("rows", "report"):
        if (run_dir / name).is_dir():
            client.log_artifacts(run_id, str(run_dir / name), artifact_path=name)
    client.log_artifact(run_id, str(run_dir / "run.json"))


def _log_system(
    client: MlflowClient, run_id: str, record: RunRecord, system: str, cells: Sequence[Aggregate]
) -> None:
    parameters: dict[str, object] = {}
    if system in record.systems:
        card = record.systems[system].card
        parameters = {"name": card.name, "family": card.family, "sha256": card.sha256 or ""}
        parameters |= {f"option.{name}": value for name, value in card.options.items()}
    metrics: dict[str, float] = {}
    if system in record.systems and (cost := record.systems[system].cost) is not None:
        known = asdict(cost).items()
        metrics |= {
            f"cost/{name}": float(value) for name, value in known if isinstance(value, int | float)
        }
    for cell in cells:
        where = f"{cell.dataset}/{cell.condition}/{cell.metric}"
        metrics |= {f"{where}_n": cell.n, f"{where}_failed": cell.n_failed}
        if cell.n:
            metrics[where] = cell.mean
    _log(client, run_id, parameters=parameters, metrics=metrics)


def _log(
    client: MlflowClient,
    run_id: str,
    *,
    parameters: Mapping[str, object],
    metrics: Mapping[str, float],
) -> None:
    """Log what is not there yet; MLflow refuses a parameter with another value."""
    from mlflow.entities import Metric, Param  # noqa: PLC0415

    there = client.get_run(run_id).data
    now_ms = int(time.time() * 1000)
    named = {_key(name): value for name, value in metrics.items()}
    new = [Metric(k, v, now_ms, 0) for k, v in named.items() if there.metrics.get(k) != v]
    for start in range(0, len(new), _MOST_METRICS):
        client.log_batch(run_id, metrics=new[start : start + _MOST_METRICS])
    texts = {_key(name): str(value)[:500] for name, value in parameters.items()}
    missing = [Param(key, text) for key, text in texts.items() if key not in there.params]
    for start in range(0, len(missing), _MOST_PARAMETERS):
        client.log_batch(run_id, params=missing[start : start + _MOST_PARAMETERS])


def _by_system(record: RunRecord, run_dir: Path) -> dict[str, list[Aggregate]]:
    """The cells that apply; also of a system that failed everywhere."""
    settings = record.config.bootstrap if record.config else None
    cells = aggregate(
        read_rows(run_dir),
        level=settings.level if settings else 0.95,
        resamples=settings.resamples if settings else 1000,
        seed=record.seed,
    )
    found: dict[str, list[Aggregate]] = {}
    for cell in cells:
        if cell.applies:
            found.setdefault(cell.system, []).append(cell)
    return found


def _key(name: str) -> str:
    """MLflow allows letters, digits, `_ - . /` and spaces in names everywhere."""
    return re.sub(r"[^A-Za-z0-9_\-./ ]", "-", name)
