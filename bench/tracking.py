"""Runs in MLflow: a parent run for the experiment, a child for each system.

Parameters, aggregates as metrics, rows and report as artifacts. The default store is an SQLite file
beside the run folder; a tracking server is given by its URI. A run that is tracked again goes into
the MLflow runs that it already has.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, DatasetError
from .record import RunRecord, read_record, write_record
from .rows import read_rows
from .statistics import Aggregate, aggregate

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PARENT = "tsebench"


def default_tracking_uri(run_dir: Path) -> str:
    """SQLite file beside the run folder, shared by the runs of one place."""
    return f"sqlite:///{run_dir.resolve().parent / 'mlflow.db'}"


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
    with _client(uri) as client:
        experiment = _experiment(client, record.name, run_dir, uri)
        before = {k: v for k, v in record.tracking.items() if record.tracking.get("uri") == uri}
        parent = _run(client, experiment, record.name, before.get(_PARENT), {})
        tracked = {"uri": uri, _PARENT: parent}
        _log_parent(client, parent, record, run_dir)
        for cell_system, cells in _by_system(record, run_dir).items():
            tags = {"mlflow.parentRunId": parent}
            child = _run(client, experiment, cell_system, before.get(cell_system), tags)
            tracked[cell_system] = child
            _log_system(client, child, record, cell_system, cells)
            client.set_terminated(child)
        client.set_terminated(parent)
    write_record(run_dir, replace(record, tracking=tracked))


@contextmanager
def _client(uri: str) -> Iterator[MlflowClient]:
    """A client whose start-up chatter is kept off the terminal.

    Raises:
        ConfigError: the store cannot be reached.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ASYNC_LOGGING", "false")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient  # noqa: PLC0415 - takes a second to import
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        try:
            yield MlflowClient(tracking_uri=uri)
        except MlflowException as error:
            first = str(error).partition("\n")[0]
            raise ConfigError(
                f"MLflow at {uri!r} cannot be used: {first}; "
                "check --tracking-uri, or turn tracking off with --tracking-uri none"
            ) from None


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
    known = {run.info.run_id for run in client.search_runs([experiment])}
    if before in known:
        return str(before)
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
    _log_parameters(client, run_id, parameters)
    for name in ("rows", "report"):
        if (run_dir / name).is_dir():
            client.log_artifacts(run_id, str(run_dir / name), artifact_path=name)
    client.log_artifact(run_id, str(run_dir / "run.json"))


def _log_system(
    client: MlflowClient, run_id: str, record: RunRecord, system: str, cells: list[Aggregate]
) -> None:
    if system in record.systems:
        card = record.systems[system].card
        facts = {"name": card.name, "family": card.family, "sha256": card.sha256 or ""}
        _log_parameters(
            client, run_id, {**facts, **{f"option.{k}": v for k, v in card.options.items()}}
        )
    for cell in cells:
        where = f"{cell.dataset}/{cell.condition}/{cell.metric}"
        for suffix, value in (("", cell.mean), ("_n", cell.n), ("_failed", cell.n_failed)):
            client.log_metric(run_id, _key(where + suffix), value)


def _log_parameters(client: MlflowClient, run_id: str, values: Mapping[str, object]) -> None:
    logged = client.get_run(run_id).data.params
    for name, value in values.items():
        if _key(name) not in logged:
            client.log_param(run_id, _key(name), str(value)[:500])


def _by_system(record: RunRecord, run_dir: Path) -> dict[str, list[Aggregate]]:
    settings = record.config.bootstrap if record.config else None
    cells = aggregate(
        read_rows(run_dir),
        level=settings.level if settings else 0.95,
        resamples=settings.resamples if settings else 1000,
        seed=record.seed,
    )
    found: dict[str, list[Aggregate]] = {}
    for cell in cells:
        if cell.n:
            found.setdefault(cell.system, []).append(cell)
    return found


def _key(name: str) -> str:
    """MLflow allows letters, digits, `_ - . / :` and spaces in names."""
    return re.sub(r"[^A-Za-z0-9_\-./ ]", "-", name)
