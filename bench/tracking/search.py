"""Search for tracked runs, by the fingerprint of a dataset and by system.

In MLflow itself the same search is by tags, for example

    mlflow.search_runs(search_all_experiments=True, filter_string=
        "tags.`tsebench.fingerprints` LIKE '%3f9a0c%' AND tags.`tsebench.system` = 'soundbeam'")
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ...core.errors import ConfigError
from ...core.tracking.entries import key_of
from ...core.tracking.store import open_store

if TYPE_CHECKING:
    from mlflow.entities import Run

_DATASET = "tsebench.dataset."
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """One system of a run, as MLflow knows it.

    Attributes:
        parent_id: of the MLflow run that holds rows and report.
        experiment: name of the MLflow experiment, which is that of the run.
        run_id: as in run.json: it depends on what determines the rows.
        fingerprints: of the datasets, by name.
        metrics: means by `DATASET/CONDITION/METRIC`; `progress/`, `cost/` and, in runs of older releases, `counts/` and
            `interval/` are prefixes of the others.
        started: when the run began, in UTC (ISO 8601).
    """

    mlflow_id: str
    parent_id: str
    experiment: str
    run_id: str
    system: str
    fingerprints: Mapping[str, str]
    metrics: Mapping[str, float]
    started: str


def find_runs(
    uri: str, *, fingerprint: str | None = None, dataset: str | None = None, system: str | None = None
) -> tuple[TrackedRun, ...]:
    """Tracked runs of systems that fit all that is given, the newest first.

    Args:
        uri: MLflow tracking URI, for example "sqlite:///runs/mlflow.db".
        fingerprint: of a dataset, or its first digits.

    Raises:
        ConfigError: the store cannot be reached, or the fingerprint is none.
    """
    if fingerprint is not None and not re.fullmatch(r"[0-9a-f]{6,64}", fingerprint):
        raise ConfigError(
            f"fingerprint {fingerprint!r} is not 6 to 64 of the digits 0-9a-f; "
            "it stands in card.json of the dataset and in run.json"
        )
    wanted = f"tags.`tsebench.fingerprints` LIKE '{f'%{fingerprint}%' if fingerprint else '%'}'"
    with open_store(uri) as client:
        names = {str(found.experiment_id): found.name for found in _paged(client.search_experiments)}
        found = _paged(partial(client.search_runs, list(names), wanted)) if names else ()
        runs = [_tracked(run, names) for run in found if "tsebench.system" in run.data.tags]
    fitting = [run for run in runs if _fits(run, fingerprint, dataset, system)]
    return tuple(sorted(fitting, key=lambda run: (run.started, run.system), reverse=True))


def _fits(run: TrackedRun, fingerprint: str | None, dataset: str | None, system: str | None) -> bool:
    named = {name: found for name, found in run.fingerprints.items() if dataset is None or name == key_of(dataset)}
    return (
        bool(named or dataset is None)
        and (system is None or run.system == system)
        and (fingerprint is None or any(f.startswith(fingerprint) for f in named.values()))
    )


def _paged(search: Callable[..., Any]) -> Iterator[Any]:
    """All results of a search that MLflow answers by pages."""
    token = None
    while True:
        page = search(max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _tracked(run: Run, experiments: Mapping[str, str]) -> TrackedRun:
    tags = run.data.tags
    return TrackedRun(
        mlflow_id=run.info.run_id,
        parent_id=tags.get("mlflow.parentRunId", ""),
        experiment=experiments.get(str(run.info.experiment_id), ""),
        run_id=tags.get("tsebench.run_id", ""),
        system=tags["tsebench.system"],
        fingerprints={key.removeprefix(_DATASET): value for key, value in tags.items() if key.startswith(_DATASET)},
        metrics=dict(run.data.metrics),
        started=datetime.fromtimestamp(run.info.start_time / 1000.0, UTC).isoformat(timespec="milliseconds"),
    )
