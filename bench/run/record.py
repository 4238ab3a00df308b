"""run.json: what a run was, so that its rows can be understood and made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ...core.errors import DatasetError
from ...core.files import write_atomic
from ...core.provenance import device_name, git_commit, versions
from ...datasets.contamination import Overlap, overlap
from ...datasets.contents import Summary, contents_of, summary_of
from ...datasets.dataset import Dataset
from ...datasets.missing import told
from ...datasets.seeding import digest
from ...systems.checkpoints.checkpoint import trained_on
from ...systems.protocol import SystemCard
from ..config import RunConfig
from ..cost.measure import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRecord:
    """One system of a run: its card, its identity, and how the harness fed it.

    Attributes:
        resampled_from_hz: rates of datasets that were resampled to the system's own rate.
        cost: what it takes to run it, measured on the first set that it ran on.
    """

    privileged: bool
    family: str
    card: SystemCard
    identity: str
    resampled_from_hz: tuple[int, ...] = ()
    cost: Cost | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """One dataset of a run.

    Attributes:
        trials: number of trials by condition, for example "PMQ 1:3".
        systems: titles of those that ran on it.
        skipped: those that did not, and why.
        contents: parts of corpora, and how many recordings and speakers.
        overlaps: what is known of systems that were trained on some of it, by title.
        role: what a paper's table calls it; "" without one.
        missing: what it lacks, in words, if it was built without recordings that were missing.
    """

    fingerprint: str
    version: str
    builder: str
    sample_rate_hz: int
    licences: tuple[str, ...]
    trials: Mapping[str, int]
    systems: tuple[str, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    contents: Summary | None = None
    overlaps: Mapping[str, Overlap] = field(default_factory=dict)
    role: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run. `run_id` depends on what determines the rows, not on when or where it ran.

    Attributes:
        config: the config as it was read (None for scored folders).
        trials: answers that were asked for, or None while the run is going on.
        failed_trials: those without any usable value.
        tracking: ids of the MLflow runs by name, if it was tracked.
    """

    name: str
    run_id: str
    config: RunConfig | None
    systems: Mapping[str, SystemRecord]
    datasets: Mapping[str, DatasetRecord]
    versions: Mapping[str, str]
    git: str | None
    device: str
    seed: int
    created: str
    trials: int | None = None
    failed_trials: int | None = None
    tracking: Mapping[str, str] = field(default_factory=dict)


def new_record(
    *,
    name: str,
    config: RunConfig | None,
    systems: Mapping[str, SystemRecord],
    datasets: Mapping[str, DatasetRecord],
    device: str,
    seed: int,
) -> RunRecord:
    """A record of a run that starts now."""
    return RunRecord(
        name=name,
        run_id=digest(
            name,
            _what_is_run(config) if config else "",
            *(f"{title} {record.identity}" for title, record in sorted(systems.items())),
            *(f"{title} {record.fingerprint}" for title, record in datasets.items()),
        )[:16],
        config=config,
        systems=systems,
        datasets=datasets,
        versions=versions(),
        git=git_commit(),
        device=device_name(device),
        seed=seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _what_is_run(config: RunConfig) -> str:
    """The config without what changes no row, and without paths.

    A dataset and a system may lie elsewhere on another machine: the fingerprint of the one and the
    identity of the other say what they are.
    """
    return config.model_dump_json(
        exclude={
            "description": True,
            "batch_size": True,
            "datasets": {"__all__": {"dataset", "role"}},
            "systems": {"__all__": {"options", "adapt"}},
            "measure_cost": True,
            "scale": True,
            "scales": True,
            "paper_tables": True,
        }
    )


def dataset_record(
    dataset: Dataset, *, systems: Mapping[str, SystemCard], skipped: Mapping[str, str], role: str = ""
) -> DatasetRecord:
    """What a run keeps of a dataset.

    Args:
        dataset: the set.
        systems: cards of those that run on it, by title.
        skipped: those that do not, and why.
        role: what a paper's table calls it.
    """
    card = dataset.card
    overlaps = {
        title: overlap(dataset, training_data=system.training_data, trained_on=trained_on(system.checkpoint))
        for title, system in systems.items()
    }
    return DatasetRecord(
        fingerprint=card.fingerprint,
        version=card.version,
        builder=card.builder,
        sample_rate_hz=card.sample_rate_hz,
        licences=tuple(f"{corpus}: {licence}" for corpus, licence in card.licences.items()),
        trials=Counter(f"{t.condition.kind} {t.condition}" for t in dataset.trials),
        systems=tuple(systems),
        skipped=skipped,
        contents=summary_of(contents_of(dataset)),
        overlaps={title: found for title, found in overlaps.items() if found},
        role=role,
        missing=told(card),
    )


def resumed(record: RunRecord, before: RunRecord | None) -> RunRecord:
    """The record of a run that goes on: it keeps when it began and where it is tracked."""
    if before is None or before.run_id != record.run_id:
        return record
    return replace(record, created=before.created, tracking=before.tracking)


def finished(record: RunRecord, *, trials: int, failed_trials: int) -> RunRecord:
    """The record of a run that came to its end."""
    return replace(record, trials=trials, failed_trials=failed_trials)


_RECORD: TypeAdapter[RunRecord] = TypeAdapter(RunRecord)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write run.json.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_atomic(folder / "run.json", _RECORD.dump_json(record, indent=2) + b"\n")


def read_record(folder: Path) -> RunRecord | None:
    """Read run.json, or None if there is none.

    Raises:
        DatasetError: it is damaged, or of another release.
    """
    path = folder / "run.json"
    if not path.is_file():
        return None
    try:
        return _RECORD.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise DatasetError(
            f"{str(path)!r} is damaged or of another release of tsebench "
            f"({'.'.join(str(p) for p in first['loc'])}: {first['msg']}); use --fresh"
        ) from None
