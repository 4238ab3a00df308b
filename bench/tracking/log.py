"""A run folder in MLflow: a parent run for the experiment, a child for each system.

Parameters, means, rows and report; intervals, spreads between seeds, and counts are the table `aggregates.json`, so
that they do not hide the means. The default store is an SQLite file next to the run folder. A run that is tracked again
goes into the MLflow runs that it already has. See `names` for the names of metrics; the tags `tsebench.run_id`,
`tsebench.system`, `tsebench.dataset.NAME`, `tsebench.fingerprints` and `tsebench.folder` say what a run is; see
`find_runs`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ...core.errors import DatasetError
from ...core.hub.reference import is_reference
from ...core.tracking.entries import end_as_killed, experiment_of, key_of, log, log_datasets, log_table, page_of, run_of
from ...core.tracking.ids import TrackingIds, read_ids, write_ids
from ...core.tracking.store import open_store, shown
from ...core.tracking.tags import FOLDER, LONGEST_TAG, place_of, standard_tags
from ..rows import read_rows
from ..run.record import BootstrapFacts, RunRecord, SystemRecord, read_record, write_record
from ..run.trial_counts import trials_by_system
from ..statistics.aggregate import Aggregate, aggregate
from .names import FAILED, PERCENT, TRIALS, Cell, expected_trials, headlines, name_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT = "tsebench"
_SYSTEM = "system:"
_FIRST = (  # columns
    *("dataset", "condition", "metric", "system", "mean"),
    *("ci_low", "ci_high", "seed_sd", "n_samples", "n", "n_failed"),
)


def track(run_dir: Path, *, uri: str, ended_ms: int | None = None) -> str:
    """Log a run folder, its rows, aggregates and report; where to look at it.

    Args:
        ended_ms: when the work ended; None: when its last rows were written.

    Raises:
        ConfigError: the store cannot be reached.
        DatasetError: the folder holds no run.
    """
    record = recorded(run_dir)
    with open_store(uri) as client:
        known = _known_ids(record, run_dir, uri)
        runs = opened_runs(client, record, run_dir, uri)
        # Before anything is logged: if that is interrupted, the next attempt goes on in these runs.
        write_record(run_dir, with_ids(record, runs, uri))
        log_results(client, runs, record, run_dir)
        ended_ms = ended_ms or written_ms(run_dir)
        for run_id in runs.values():
            _end(client, run_id, finished=record.finished, new=run_id not in known.values(), ended_ms=ended_ms)
        return page_of(client, runs[PARENT], uri)


def track_report(run_dir: Path, files: Sequence[Path], *, folder: Path, uri: str) -> str:
    """Add the files of a report to the MLflow run of a run folder, as artifacts in `report`; where to look at it.

    A run that is not tracked there yet is tracked first.

    Args:
        folder: of the report; sub-folders stay.

    Raises:
        ConfigError: the store cannot be reached.
        DatasetError: the folder holds no run.
    """
    page = track(run_dir, uri=uri)
    parent = recorded(run_dir).tracking[PARENT]
    with open_store(uri) as client:
        for path in files:
            below = path.relative_to(folder).parent.as_posix()
            place = "report" if below == "." else f"report/{below}"
            client.log_artifact(parent, str(path), artifact_path=place)
    return page


def recorded(run_dir: Path) -> RunRecord:
    """The record of a run folder; a DatasetError without one."""
    record = read_record(run_dir)
    if record is None:
        raise DatasetError(f"{str(run_dir)!r} holds no run.json; run something into it first")
    return record


def with_ids(record: RunRecord, runs: Mapping[str, str], uri: str) -> RunRecord:
    """The record with its MLflow runs."""
    return record.model_copy(update={"tracking": {"uri": shown(uri), **runs}})


def system_key(system: str) -> str:
    """Name of a system's run among the ids of a record."""
    return f"{_SYSTEM}{system}"


def opened_runs(
    client: MlflowClient,
    record: RunRecord,
    run_dir: Path,
    uri: str,
    *,
    fresh: bool = False,
    started_ms: int | None = None,
) -> dict[str, str]:
    """Ids of the MLflow runs by name: those that the folder has, or new ones.

    Args:
        fresh: always new ones; those of the folder that were left running are ended as killed.
        started_ms: when the work began; None: when the record says.
    """
    experiment = experiment_of(client, record.name, run_dir, uri)
    before = {} if fresh else _known_ids(record, run_dir, uri)
    earlier = read_ids(run_dir, uri)
    for run_id in set(earlier.runs.values() if earlier else ()) - set(before.values()):
        end_as_killed(client, run_id)
    begun_ms = started_ms if started_ms is not None else _created_ms(record)
    parent = run_of(client, experiment, record.name, before.get(PARENT), _tags(record, run_dir), started_ms=begun_ms)
    runs = {PARENT: parent}
    for system in record.systems:
        key, tags = system_key(system), {"mlflow.parentRunId": parent, **_tags(record, run_dir, system)}
        runs[key] = run_of(client, experiment, system, before.get(key), tags, started_ms=begun_ms)
    write_ids(run_dir, uri, TrackingIds(identity=record.run_id, runs=runs))
    return runs


def _known_ids(record: RunRecord, run_dir: Path, uri: str) -> Mapping[str, str]:
    """Ids of the MLflow runs that a run folder has in a store."""
    known = read_ids(run_dir, uri)
    if known is None:  # a release without tracking.json wrote them into the record
        return record.tracking if record.tracking.get("uri") in (uri, shown(uri)) else {}
    return known.runs if known.identity == record.run_id else {}


def _created_ms(record: RunRecord) -> int | None:
    try:
        return int(datetime.fromisoformat(record.created).timestamp() * 1000)
    except ValueError:
        return None


def _end(client: MlflowClient, run_id: str, *, finished: bool, new: bool, ended_ms: int) -> None:
    """End a run as its folder is; one that has ended well stays, and so does one that may be going on elsewhere."""
    info = client.get_run(run_id).info
    if info.status != "FINISHED" and (finished or new):
        status = "FINISHED" if finished else "KILLED"
        client.set_terminated(run_id, status=status, end_time=max(ended_ms, info.start_time))


def written_ms(run_dir: Path) -> int:
    """When the newest rows were written, in milliseconds."""
    times = [path.stat().st_mtime_ns // 1_000_000 for path in (run_dir / "rows").glob("part-*.parquet")]
    return max(times, default=int(time.time() * 1000))


def _tags(record: RunRecord, run_dir: Path, system: str | None = None) -> dict[str, str]:
    fingerprints = _fingerprints(record, system)
    config = (record.config.model_extra or {}) if record.config else {}
    said = str(config.get("description") or "") if system is None else record.systems[system].text("description")
    tags = {
        **standard_tags(commit=str(record.git or ""), description=said),
        FOLDER: place_of(run_dir),
        "tsebench.run_id": record.run_id,
        "tsebench.fingerprints": " ".join(fingerprints.values())[:LONGEST_TAG],
        **{f"tsebench.dataset.{key_of(name)}": found for name, found in fingerprints.items()},
    }
    if system is not None:
        tags["tsebench.system"] = system[:LONGEST_TAG]
        tags["tsebench.identity"] = record.systems[system].identity
    return tags


def _fingerprints(record: RunRecord, system: str | None = None) -> dict[str, str]:
    """Fingerprints of the datasets, of those that a system ran on."""
    return {
        name: found.fingerprint for name, found in record.datasets.items() if system is None or system in found.systems
    }


def log_facts(client: MlflowClient, runs: Mapping[str, str], record: RunRecord) -> None:
    """Log what is known before any trial: parameters and datasets."""
    common = {"seed": record.seed, "git": record.git or "", "device": record.device}
    fingerprints = _fingerprints(record)
    parameters = {
        "run_id": record.run_id,
        **common,
        "systems": ", ".join(record.systems),
        "datasets": ", ".join(record.datasets),
        **{f"dataset.{name}": found for name, found in fingerprints.items()},
        **{f"version.{name}": found for name, found in record.versions.items()},
    }
    log(client, runs[PARENT], parameters=parameters)
    log_datasets(client, runs[PARENT], fingerprints, context="evaluation")
    for system, facts in record.systems.items():
        run_id = runs[system_key(system)]
        log(client, run_id, parameters=common | _system_parameters(facts))
        log_datasets(client, run_id, _fingerprints(record, system), context="evaluation")


def _system_parameters(facts: SystemRecord) -> dict[str, object]:
    card = facts.card
    return {
        **{key: card.get(key) or "" for key in ("name", "family", "sha256")},
        **({"samples": facts.samples} if facts.samples > 1 else {}),
        "checkpoint": _checkpoint_name(str(card.get("checkpoint") or "")),
        **{f"option.{name}": value for name, value in card.get("options", {}).items()},
    }


def _checkpoint_name(checkpoint: str) -> str:
    """Name of a checkpoint: its folder, of a path to its weights; a reference to a hub as it is."""
    if is_reference(checkpoint):
        return checkpoint
    path = Path(checkpoint)
    return path.parent.name if path.suffix and path.parent.name else path.name


def log_results(client: MlflowClient, runs: Mapping[str, str], record: RunRecord, run_dir: Path) -> None:
    """Log facts, means, costs, tables, rows and report."""
    log_facts(client, runs, record)
    rows, parent = read_rows(run_dir), runs[PARENT]
    cells, done = _cells(record, rows), trials_by_system(rows, record.systems, record.metrics)
    means = {(c.system, (c.dataset, c.condition, c.metric)): c.mean for c in cells if c.n}
    for system in record.systems:
        trials = len(done[system].seen) if system in done else 0
        progress: dict[str, float] = {TRIALS: trials, FAILED: done[system].failed} if system in done else {}
        own = {name_of(cell): mean for (title, cell), mean in means.items() if title == system}
        metrics = own | progress | _costs(record.systems[system])
        log(client, runs[system_key(system)], metrics=metrics, step=trials)
        log_table(client, runs[system_key(system)], _table(cells, system), "aggregates.json")
    total = sum(len(each.seen) for each in done.values())
    overall = parent_progress(record, trials=total, failed=sum(each.failed for each in done.values()))
    log(client, parent, metrics=headline_metrics(record, means) | overall, step=total)
    log_table(client, parent, _table(cells), "aggregates.json")
    for name in ("rows", "report"):
        if (run_dir / name).is_dir():
            client.log_artifacts(parent, str(run_dir / name), artifact_path=name)
    client.log_artifact(parent, str(run_dir / "run.json"))


def parent_progress(record: RunRecord, *, trials: int, failed: int) -> dict[str, float]:
    """Metrics of all systems together: trials with rows, those without any value, and percent of all."""
    expected = expected_trials(record)
    percent = {PERCENT: round(100 * trials / expected, 2)} if expected else {}
    return {TRIALS: trials, FAILED: failed, **percent}


def headline_metrics(record: RunRecord, means: Mapping[tuple[str, Cell], float]) -> dict[str, float]:
    """Metrics of the parent: the mean that ranks each stratum, of each system."""
    chosen = headlines(record, dict.fromkeys(cell for _, cell in means))
    return {name_of(cell, system): mean for (system, cell), mean in means.items() if cell in chosen}


def _costs(facts: SystemRecord) -> dict[str, float]:
    costs = facts.cost.model_dump() if facts.cost else {}
    return {f"cost/{name}": float(value) for name, value in costs.items() if isinstance(value, int | float)}


def _cells(record: RunRecord, rows: pd.DataFrame) -> list[Aggregate]:
    """The cells that apply; also of a system that failed everywhere."""
    settings = record.config.bootstrap if record.config else BootstrapFacts()
    cells = aggregate(rows, level=settings.level, resamples=settings.resamples, seed=record.seed)
    return [cell for cell in cells if cell.applies]


def _table(cells: Sequence[Aggregate], system: str | None = None) -> pd.DataFrame:
    table = pd.DataFrame([asdict(cell) for cell in cells if system is None or cell.system == system])
    first = [name for name in _FIRST if name in table]
    return table[[*first, *(name for name in table if name not in first)]].round(4)
