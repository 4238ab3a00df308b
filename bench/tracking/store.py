"""The MLflow store behind `tracking`: reaching it, its runs, and logging without repetition."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import ConfigError

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
# MLflow's own patience with a server that does not answer is several minutes.
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_QUIET = {"MLFLOW_ENABLE_ASYNC_LOGGING": "false", "GIT_PYTHON_REFRESH": "quiet"}
_MOST_METRICS, _MOST_PARAMETERS = 1000, 100  # of one request to MLflow
_LONGEST_PARAMETER, LONGEST_TAG = 500, 5000


@contextmanager
def open_store(uri: str) -> Iterator[MlflowClient]:
    """A client whose start-up messages do not reach the terminal.

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
    """Open an SQLite file once, because MLflow tries for minutes to open one that cannot be."""
    path = Path(uri.removeprefix(SQLITE))
    if uri.startswith(SQLITE) and path.name:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA schema_version").fetchone()


def experiment_of(client: MlflowClient, name: str, run_dir: Path, uri: str) -> str:
    """Id of the experiment of that name, made if it is not there."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # A server keeps artifacts where it is set up to; a local store keeps them in its own folder.
    local = uri.startswith("sqlite:")
    artifacts = (run_dir.resolve().parent / "mlartifacts").as_uri() if local else None
    return str(client.create_experiment(name, artifact_location=artifacts))


def run_of(client: MlflowClient, experiment: str, name: str, before: str | None, tags: Mapping[str, str]) -> str:
    """Id of the run to log into: the one from before if it is still there, or a new one."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    if before is not None:
        try:
            found = client.get_run(before)
        except MlflowException:
            found = None  # removed for good
        if found is not None and found.info.lifecycle_stage == "active":
            for key, value in tags.items():
                if found.data.tags.get(key) != value:
                    client.set_tag(before, key, value)
            return before
    return str(client.create_run(experiment, run_name=name, tags=dict(tags)).info.run_id)


def log(client: MlflowClient, run_id: str, *, parameters: Mapping[str, object], metrics: Mapping[str, float]) -> None:
    """Log what is not there yet; MLflow refuses a parameter with another value."""
    from mlflow.entities import Metric, Param  # noqa: PLC0415

    there = client.get_run(run_id).data
    now_ms = int(time.time() * 1000)
    named = {key_of(name): value for name, value in metrics.items()}
    new = [Metric(k, v, now_ms, 0) for k, v in named.items() if there.metrics.get(k) != v]
    for start in range(0, len(new), _MOST_METRICS):
        client.log_batch(run_id, metrics=new[start : start + _MOST_METRICS])
    texts = {key_of(name): str(value)[:_LONGEST_PARAMETER] for name, value in parameters.items()}
    missing = [Param(key, text) for key, text in texts.items() if key not in there.params]
    for start in range(0, len(missing), _MOST_PARAMETERS):
        client.log_batch(run_id, params=missing[start : start + _MOST_PARAMETERS])


def log_datasets(client: MlflowClient, run_id: str, fingerprints: Mapping[str, str]) -> None:
    """Name the datasets of a run in MLflow's own way, so that its pages show and filter by them."""
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415

    inputs = [
        DatasetInput(
            # MLflow has room for 36 digits of a digest.
            Dataset(name=name, digest=fingerprint[:36], source_type="tsebench", source=name),
            [InputTag(key="mlflow.data.context", value="evaluation")],
        )
        for name, fingerprint in fingerprints.items()
    ]
    if inputs:
        client.log_inputs(run_id, datasets=inputs)


def key_of(name: str) -> str:
    """A name that MLflow allows everywhere and that needs no quotes: `PMQ 1:3` is `PMQ_1-3`."""
    return re.sub(r"[^A-Za-z0-9_\-./]", "-", name.replace(" ", "_"))
