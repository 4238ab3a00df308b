"""Runs in MLflow: a parent run for the experiment, a child for each system.

Parameters, aggregates as metrics, rows and report as artifacts. The default store is an SQLite file next to the run
folder. A run that is tracked again goes into the MLflow runs that it already has.

A mean is the metric `DATASET/CONDITION/METRIC`, for example `mini_sounds/PMQ_1-3/snri`; its counts and the ends of its
interval are below `counts/` and `interval/`. The tags `tsebench.run_id`, `tsebench.system`, `tsebench.dataset.NAME` and
`tsebench.fingerprints` say what a run is; see `find_runs`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import DatasetError
from ..rows import read_rows
from ..run.record import BootstrapFacts, RunRecord, read_record, write_record
from ..statistics.aggregate import Aggregate, aggregate
from .store import LONGEST_TAG, SQLITE, experiment_of, key_of, log, log_datasets, open_store, run_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PARENT = "tsebench"


def default_tracking_uri(run_dir: Path) -> str:
    """SQLite file next to the run folder, shared by the runs of one place."""
    return f"{SQLITE}{run_dir.resolve().parent / 'mlflow.db'}"


def track(run_dir: Path, *, uri: str) -> None:
    """Log a run folder, its rows, aggregates and report.

    Raises:
        ConfigError: the store cannot be reached.
        DatasetError: the folder holds no run.
    """
    record = _record(run_dir)
    by_system = _by_system(record, run_dir)
    with open_store(uri) as client:
        tracked = _runs(client, record, run_dir, uri, list(by_system))
        # Before anything is logged: if that is interrupted, the next attempt goes on in these runs.
        write_record(run_dir, record.model_copy(update={"tracking": tracked}))
        _log_parent(client, tracked[_PARENT], record, run_dir)
        for system, cells in by_system.items():
            child = tracked[f"system:{system}"]
            _log_system(client, child, record, system, cells)
            client.set_terminated(child)
        client.set_terminated(tracked[_PARENT])


def track_report(run_dir: Path, files: Sequence[Path], *, folder: Path, uri: str) -> None:
    """Add the files of a report to the MLflow run of a run folder, as artifacts in `report`.

    A run that is not tracked there yet is tracked first.

    Args:
        folder: of the report; sub-folders stay.

    Raises:
        ConfigError: the store cannot be reached.
        DatasetError: the folder holds no run.
    """
    track(run_dir, uri=uri)
    parent = _record(run_dir).tracking[_PARENT]
    with open_store(uri) as client:
        for path in files:
            below = path.relative_to(folder).parent.as_posix()
            place = "report" if below == "." else f"report/{below}"
            client.log_artifact(parent, str(path), artifact_path=place)


def _record(run_dir: Path) -> RunRecord:
    record = read_record(run_dir)
    if record is None:
        raise DatasetError(f"{str(run_dir)!r} holds no run.json; run something into it first")
    return record


def _runs(client: MlflowClient, record: RunRecord, run_dir: Path, uri: str, systems: Sequence[str]) -> dict[str, str]:
    """Ids of the MLflow runs by name, for the record."""
    experiment = experiment_of(client, record.name, run_dir, uri)
    before = record.tracking if record.tracking.get("uri") == uri else {}
    parent = run_of(client, experiment, record.name, before.get(_PARENT), _tags(record))
    tracked = {"uri": uri, _PARENT: parent}
    for system in systems:
        key, tags = f"system:{system}", {"mlflow.parentRunId": parent, **_tags(record, system)}
        tracked[key] = run_of(client, experiment, system, before.get(key), tags)
    return tracked


def _tags(record: RunRecord, system: str | None = None) -> dict[str, str]:
    fingerprints = _fingerprints(record, system)
    tags = {
        "tsebench.run_id": record.run_id,
        "tsebench.fingerprints": " ".join(fingerprints.values())[:LONGEST_TAG],
        **{f"tsebench.dataset.{key_of(name)}": found for name, found in fingerprints.items()},
    }
    if system is not None:
        tags["tsebench.system"] = system[:LONGEST_TAG]
        if system in record.systems:
            tags["tsebench.identity"] = record.systems[system].identity
    return tags


def _fingerprints(record: RunRecord, system: str | None = None) -> dict[str, str]:
    """Fingerprints of the datasets, of those that a system ran on."""
    return {
        name: found.fingerprint for name, found in record.datasets.items() if system is None or system in found.systems
    }


def _log_parent(client: MlflowClient, run_id: str, record: RunRecord, run_dir: Path) -> None:
    parameters = {
        "run_id": record.run_id,
        "device": record.device,
        "git": record.git or "",
        "seed": record.seed,
        **{f"dataset.{name}": found for name, found in _fingerprints(record).items()},
        **{f"version.{name}": found for name, found in record.versions.items()},
    }
    log(client, run_id, parameters=parameters, metrics={})
    log_datasets(client, run_id, _fingerprints(record))
    for name in ("rows", "report"):
        if (run_dir / name).is_dir():
            client.log_artifacts(run_id, str(run_dir / name), artifact_path=name)
    client.log_artifact(run_id, str(run_dir / "run.json"))


def _log_system(client: MlflowClient, run_id: str, record: RunRecord, system: str, cells: Sequence[Aggregate]) -> None:
    parameters: dict[str, object] = {}
    metrics: dict[str, float] = {}
    if (known := record.systems.get(system)) is not None:
        parameters = {key: known.card.get(key) or "" for key in ("name", "family", "sha256")}
        parameters |= {f"option.{name}": value for name, value in known.card.get("options", {}).items()}
        cost = known.cost.model_dump() if known.cost else {}
        metrics = {f"cost/{name}": float(value) for name, value in cost.items() if isinstance(value, int | float)}
    for cell in cells:
        metrics |= _numbers(cell)
    log(client, run_id, parameters=parameters, metrics=metrics)
    log_datasets(client, run_id, _fingerprints(record, system))


def _numbers(cell: Aggregate) -> Mapping[str, float]:
    """Metrics of a cell: its mean under its own name; counts and intervals in groups."""
    where = f"{cell.dataset}/{cell.condition}/{cell.metric}"
    found = {f"counts/{where}_n": float(cell.n), f"counts/{where}_failed": float(cell.n_failed)}
    if cell.n:
        found[where] = cell.mean
    ends = {f"interval/{where}_low": cell.ci_low, f"interval/{where}_high": cell.ci_high}
    return found | {name: end for name, end in ends.items() if math.isfinite(end)}


def _by_system(record: RunRecord, run_dir: Path) -> dict[str, list[Aggregate]]:
    """The cells that apply; also of a system that failed everywhere."""
    settings = record.config.bootstrap if record.config else BootstrapFacts()
    found: dict[str, list[Aggregate]] = {}
    for cell in aggregate(read_rows(run_dir), level=settings.level, resamples=settings.resamples, seed=record.seed):
        if cell.applies:
            found.setdefault(cell.system, []).append(cell)
    return found
