"""The record of a run that begins: its systems, datasets, versions and device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from ...core.provenance import device_name, git_commit, versions
from ...datasets.seeding import digest
from ...systems.protocol import SystemCard
from ..metrics.protocol import MetricInfo
from .record import ConfigRecord, ContentsRecord, DatasetRecord, OverlapRecord, RunRecord, SystemRecord
from .system_facts import CostFacts

if TYPE_CHECKING:
    from ...datasets.dataset import Dataset
    from ..config import RunConfig
    from .open_datasets import OpenSet
    from .prepare import PlannedRun

_CARD: TypeAdapter[SystemCard] = TypeAdapter(SystemCard)


def new_record(
    *,
    name: str,
    config: RunConfig | None,
    systems: Mapping[str, SystemRecord],
    datasets: Mapping[str, DatasetRecord],
    metrics: Iterable[MetricInfo] = (),
    device: str,
    seed: int,
) -> RunRecord:
    """A record of a run that starts now."""
    return RunRecord(
        name=name,
        run_id=digest(
            name,
            _what_determines_rows(config) if config else "",
            *(f"{title} {record.identity}" for title, record in sorted(systems.items())),
            *(f"{title} {record.fingerprint}" for title, record in datasets.items()),
        )[:16],
        config=ConfigRecord.model_validate(config.model_dump(mode="json")) if config else None,
        systems=systems,
        datasets=datasets,
        metrics={info.name: info for info in metrics},
        versions=versions(),
        git=git_commit(),
        device=device_name(device),
        seed=seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _what_determines_rows(config: RunConfig) -> str:
    """The config without what changes no row, and without paths and sweeps, whose sets have fingerprints.

    The number of samples changes no row either: more of them are more rows.

    A dataset and a system may lie elsewhere on another machine: the fingerprint of the one and the identity of the
    other say what they are.
    """
    whole = (
        "description",
        "batch_size",
        "gpus_per_worker",
        "measure_cost",
        "scale",
        "scales",
        "paper_tables",
        "rank_by",
        "sweep",
    )
    exclude: dict[str, Any] = dict.fromkeys([*whole, "isolation", "time_limit_s", "samples"], True)
    exclude["datasets"] = {"__all__": {"dataset", "role", "sweep"}}
    # A streamed system has another identity.
    of_systems = {"options", "adapt", "depends", "cache", "isolation", "time_limit_s", "samples", "streaming"}
    exclude["systems"] = {"__all__": of_systems}
    return config.model_dump_json(exclude=exclude)


def system_record(
    card: SystemCard,
    *,
    identity: str,
    resampled_from_hz: tuple[int, ...] = (),
    cost: CostFacts | None = None,
    samples: int = 1,
) -> SystemRecord:
    """The record of one system of a run."""
    return SystemRecord(
        privileged=card.privileged,
        family=card.family,
        card=_CARD.dump_python(card, mode="json"),
        identity=identity,
        resampled_from_hz=resampled_from_hz,
        cost=cost,
        samples=samples,
    )


def dataset_record(
    dataset: Dataset, *, systems: Mapping[str, SystemCard], skipped: Mapping[str, str], role: str = ""
) -> DatasetRecord:
    """The record of one dataset of a run: cards of the systems that run on it, and why others do not, by title."""
    # Files that are scored need none of these.
    from ...datasets.contamination import overlap  # noqa: PLC0415
    from ...datasets.contents import contents_of, summary_of  # noqa: PLC0415
    from ...datasets.missing import missing_summary  # noqa: PLC0415
    from ...systems.checkpoints.checkpoint import trained_on  # noqa: PLC0415
    from ..statistics.aggregate import VIDEO, condition_label  # noqa: PLC0415

    card = dataset.card
    overlaps = {
        title: overlap(dataset, training_data=system.training_data, trained_on=trained_on(system.checkpoint))
        for title, system in systems.items()
    }
    return DatasetRecord(
        **{key: getattr(card, key) for key in ("fingerprint", "version", "builder", "sample_rate_hz", "level")},
        licences=tuple(f"{corpus}: {licence}" for corpus, licence in card.licences.items()),
        trials=Counter(
            condition_label(t.condition.kind, t.condition.n_active, t.condition.n_inactive, t.tags.get(VIDEO))
            for t in dataset.trials
        ),
        systems=tuple(systems),
        skipped=skipped,
        contents=ContentsRecord(**asdict(summary_of(contents_of(dataset)))),
        overlaps={title: OverlapRecord(**asdict(found)) for title, found in overlaps.items() if found},
        role=role,
        missing=missing_summary(card),
    )


def record_of(run: PlannedRun, sets: Sequence[OpenSet]) -> RunRecord:
    """The record of a run on these sets; one that goes on keeps its start time and its MLflow runs."""
    config, before, cards = run.config, run.before, {title: system.card for title, system in run.systems.items()}
    systems = {
        title: system_record(
            system.card,
            identity=run.identities[title].digest,
            resampled_from_hz=_resampled_from_hz(title, system.card.sample_rate_hz, sets),
            samples=run.samples[title],
        )
        for title, system in run.systems.items()
    }
    datasets = {
        each.dataset.card.name: dataset_record(
            each.dataset, systems={t: cards[t] for t in each.systems}, skipped=each.skipped, role=each.role
        )
        for each in sets
    }
    metrics = [info for each in sets for info in each.plan.infos]
    record = new_record(
        name=config.name,
        config=config,
        systems=systems,
        datasets=datasets,
        metrics=metrics,
        device=run.device,
        seed=config.seed,
    )
    if before is None or before.run_id != record.run_id:
        return record
    return record.model_copy(update={"created": before.created, "tracking": before.tracking})


def with_costs(record: RunRecord, costs: Mapping[str, CostFacts]) -> RunRecord:
    """The record with the costs of its systems, by title."""
    systems = {title: each.model_copy(update={"cost": costs.get(title)}) for title, each in record.systems.items()}
    return record.model_copy(update={"systems": systems})


def _resampled_from_hz(title: str, own: int | None, sets: Sequence[OpenSet]) -> tuple[int, ...]:
    """Rates of the sets that a system runs on, other than its own."""
    rates = {each.dataset.card.sample_rate_hz for each in sets if title in each.systems}
    return () if own is None else tuple(sorted(rates - {own}))
