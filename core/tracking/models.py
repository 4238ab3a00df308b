"""Checkpoints as models of MLflow: files in its place for models, and versions in its registry; no code, no pickles.

MLflow keeps the files as they are; they are loaded by whoever wrote them, from
`mlflow.artifacts.download_artifacts("models:/NAME/1")`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .tags import LONGEST_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL_TYPE = "tsebench checkpoint"
_NOT_IN_NAMES = ("/", ":", ".", "%", '"', "'")


def log_model(
    client: MlflowClient, run_id: str, *, name: str, files: Path, tags: Mapping[str, str], parameters: Mapping[str, str]
) -> str:
    """Log a folder of files as a model of a run; its id."""
    experiment = client.get_run(run_id).info.experiment_id
    for each in _NOT_IN_NAMES:
        name = name.replace(each, "-")
    model = client.create_logged_model(
        experiment,
        name=name,
        source_run_id=run_id,
        tags={key: value[:LONGEST_TAG] for key, value in tags.items()},
        params={key: value[:500] for key, value in parameters.items()},
        model_type=MODEL_TYPE,
    )
    client.log_model_artifacts(model.model_id, str(files))
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def register_model(
    client: MlflowClient, name: str, *, model_id: str, run_id: str, tags: Mapping[str, str], description: str
) -> str:
    """Version of a model in the registry; the one that is there if it was registered before."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes a second to import

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # Not `models:/ID`: an SQLite store would look for that in the store of MLflow's environment.
    source = client.get_logged_model(model_id).artifact_location
    for version in client.search_model_versions(f"name='{name}' and run_id='{run_id}'"):
        if version.source == source:
            return str(version.version)
    found = client.create_model_version(
        name,
        source=source,
        run_id=run_id,
        tags={key: value[:LONGEST_TAG] for key, value in tags.items()},
        description=description,
        model_id=model_id,
    )
    return str(found.version)
