"""The record of a run that begins: its systems, datasets, versions and device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from pydantic import TypeAdapter

from ...core.provenance import device_name, git_commit, versions
from ...datasets.contamination import overlap
from ...datasets.contents import contents_of, summary_of
from ...datasets.dataset import Dataset
from ...datasets.missing import missing_summary
from ...datasets.seeding import digest
from ...systems.checkpoints.checkpoint import trained_on
from ...systems.protocol import AnySystem, SystemCard
from ..config import RunConfig
from ..metrics.protocol import MetricInfo
from ..scoring.cache import system_identity
from .dataset_run import OpenSet
from .prepare import PlannedRun
from .record import ConfigRecord, ContentsRecord, CostFacts, DatasetRecord, OverlapRecord, RunRecord, SystemRecord

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
    """The config without what changes no row, and without paths.

    A dataset and a system may lie elsewhere on another machine: the fingerprint of the one and the identity of the
    other say what they are.
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
            "rank_by": True,
        }
    )


def system_record(
    card: SystemCard, *, identity: str, resampled_from_hz: tuple[int, ...] = (), cost: CostFacts | None = None
) -> SystemRecord:
    """The record of one system of a run."""
    return SystemRecord(
        privileged=card.privileged,
        family=card.family,
        card=_CARD.dump_python(card, mode="json"),
        identity=identity,
        resampled_from_hz=resampled_from_hz,
        cost=cost,
    )


def dataset_record(
    dataset: Dataset, *, systems: Mapping[str, SystemCard], skipped: Mapping[str, str], role: str = ""
) -> DatasetRecord:
    """The record of one dataset of a run.

    Args:
        dataset: the set.
        systems: cards of those that run on it, by title.
        skipped: reason by title for those that do not.
        role: name of the set in a paper's table.
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
        contents=ContentsRecord(**asdict(summary_of(contents_of(dataset)))),
        overlaps={title: OverlapRecord(**asdict(found)) for title, found in overlaps.items() if found},
        role=role,
        missing=missing_summary(card),
    )


def record_of(run: PlannedRun, sets: Sequence[OpenSet], costs: Mapping[str, CostFacts]) -> RunRecord:
    """The record of a run on these sets; one that goes on keeps its start time and its MLflow runs."""
    config, systems, before = run.config, run.systems, run.before
    record = new_record(
        name=config.name,
        config=config,
        systems={
            title: system_record(
                system.card,
                identity=system_identity(system),
                resampled_from_hz=_resampled_from_hz(title, system, sets),
                cost=costs.get(title),
            )
            for title, system in systems.items()
        },
        datasets={
            s.dataset.card.name: dataset_record(
                s.dataset, systems={title: systems[title].card for title in s.systems}, skipped=s.skipped, role=s.role
            )
            for s in sets
        },
        metrics=[info for s in sets for info in s.plan.infos],
        device=run.device,
        seed=config.seed,
    )
    if before is None or before.run_id != record.run_id:
        return record
    return record.model_copy(update={"created": before.created, "tracking": before.tracking})


def _resampled_from_hz(title: str, system: AnySystem, sets: Sequence[OpenSet]) -> tuple[int, ...]:
    """Rates of the sets that a system runs on, other than its own."""
    own = system.card.sample_rate_hz
    rates = {each.dataset.card.sample_rate_hz for each in sets if title in each.systems}
    return () if own is None else tuple(sorted(rates - {own}))
