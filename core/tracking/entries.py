"""Experiments, runs, parameters and metrics of a store, each made or logged once."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .store import patiently, shown, store_errors
from .tags import EXPERIMENT_TAGS, OF_THE_START

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run

_MOST_METRICS, _MOST_PARAMETERS = 1000, 100  # of one request to MLflow
_LONGEST_PARAMETER, _LONGEST_KEY = 500, 250
_SAME = 1e-9  # relative difference of two ways to compute one mean


def experiment_of(client: MlflowClient, name: str, folder: Path, uri: str) -> str:
    """Id of the experiment of that name, made if it is not there.

    Args:
        folder: of the results; a local store keeps artifacts next to it, a server where it is set up to.
    """
    artifacts = (folder.resolve().parent / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifacts, tags=dict(EXPERIMENT_TAGS)))
        except store_errors():
            found = client.get_experiment_by_name(name)  # another run has just made it
            if found is None:
                raise
    for key, value in EXPERIMENT_TAGS.items():
        if key not in found.tags:  # made by an earlier release
            client.set_experiment_tag(found.experiment_id, key, value)
    return str(found.experiment_id)


def page_of(client: MlflowClient, run_id: str, uri: str) -> str:
    """Address of a run's page, for a line to the user; of a local store, with the command that serves it.

    Without `workflowType`, MLflow 3.17 opens an experiment on traces of language models, whatever its kind.
    """
    path = f"#/experiments/{client.get_run(run_id).info.experiment_id}/runs/{run_id}?workflowType=machine_learning"
    if uri.startswith("http"):
        return f"{shown(uri).rstrip('/')}/{path}"
    return f"{shown(uri)} (`mlflow ui --backend-store-uri {shown(uri)}`, then http://127.0.0.1:5000/{path})"


def known_run(client: MlflowClient, run_id: str | None) -> Run | None:
    """A run that is still there, or None."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes a second to import

    if not run_id:
        return None
    try:
        found = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None  # removed for good
    return found if found.info.lifecycle_stage == "active" else None


def end_as_killed(client: MlflowClient, run_id: str | None) -> None:
    """End a run that is still there and was left running."""
    found = known_run(client, run_id)
    if found is not None and found.info.status == "RUNNING":
        client.set_terminated(found.info.run_id, status="KILLED")


def run_of(
    client: MlflowClient,
    experiment: str,
    name: str,
    before: str | None,
    tags: Mapping[str, str],
    *,
    started_ms: int | None = None,
) -> str:
    """Id of the run to log into: the one from before if it is still there, or a new one."""
    found = known_run(client, before)
    if found is None:
        new = patiently(lambda: client.create_run(experiment, start_time=started_ms, run_name=name, tags=dict(tags)))
        return str(new.info.run_id)
    for key, value in tags.items():
        kept = key in found.data.tags if key.startswith(OF_THE_START) else found.data.tags.get(key) == value
        if not kept:
            client.set_tag(found.info.run_id, key, value)
    return str(found.info.run_id)


def log(
    client: MlflowClient,
    run_id: str,
    *,
    parameters: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    step: int = 0,
) -> None:
    """Log what is not there yet; MLflow refuses a parameter with another value."""
    from mlflow.entities import Metric, Param  # noqa: PLC0415 - takes a second to import

    there = client.get_run(run_id).data
    now_ms = int(time.time() * 1000)
    named = {key_of(name): value for name, value in (metrics or {}).items()}
    new = [Metric(k, v, now_ms, step) for k, v in named.items() if not _same(there.metrics.get(k), v)]
    for start in range(0, len(new), _MOST_METRICS):
        batch = new[start : start + _MOST_METRICS]
        patiently(lambda batch=batch: client.log_batch(run_id, metrics=batch))  # type: ignore[misc]
    texts = {key_of(name): str(value)[:_LONGEST_PARAMETER] for name, value in (parameters or {}).items()}
    missing = [Param(key, text) for key, text in texts.items() if key not in there.params]
    for start in range(0, len(missing), _MOST_PARAMETERS):
        part = missing[start : start + _MOST_PARAMETERS]
        patiently(lambda part=part: client.log_batch(run_id, params=part))  # type: ignore[misc]


def _same(there: float | None, value: float) -> bool:
    return there is not None and math.isclose(there, value, rel_tol=_SAME, abs_tol=_SAME)


def last_step(client: MlflowClient, run_id: str, key: str) -> int:
    """Highest step of a metric; -1 if it was never logged."""
    return max((metric.step for metric in client.get_metric_history(run_id, key)), default=-1)


def log_datasets(client: MlflowClient, run_id: str, fingerprints: Mapping[str, str], *, context: str) -> None:
    """Name the datasets of a run in MLflow's own way, so that its pages show and filter by them.

    Args:
        context: what they were for: "evaluation", "training".
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415 - takes a second to import

    inputs = [
        DatasetInput(
            # MLflow has room for 36 digits of a digest.
            Dataset(name=name, digest=fingerprint[:36], source_type="tsebench", source=name),
            [InputTag(key="mlflow.data.context", value=context)],
        )
        for name, fingerprint in fingerprints.items()
    ]
    if inputs:
        client.log_inputs(run_id, datasets=inputs)


def log_table(client: MlflowClient, run_id: str, table: pd.DataFrame, file: str) -> None:
    """Write a table that MLflow's pages show as one; a table of that name is replaced, not continued."""
    client.log_dict(run_id, json.loads(table.to_json(orient="split", index=False)), file)
    entry = json.dumps([{"path": file, "type": "table"}])
    if client.get_run(run_id).data.tags.get("mlflow.loggedArtifacts") != entry:
        client.set_tag(run_id, "mlflow.loggedArtifacts", entry)


def key_of(name: str) -> str:
    """A name that MLflow allows everywhere and that needs no quotes: `PMQ 1:3` is `PMQ_1-3`."""
    return re.sub(r"[^A-Za-z0-9_\-./]", "-", name.replace(" ", "_"))[:_LONGEST_KEY]
