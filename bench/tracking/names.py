"""Names of metrics in MLflow, and the metric of each stratum that stands on the parent run.

A system's mean is `DATASET/CONDITION/METRIC` on its own run, for example `mini_sounds/PMQ_1-3/snri`; on the parent, the
headline metric of each stratum is `DATASET/CONDITION/METRIC/SYSTEM`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..metrics.protocol import MetricInfo
from ..metrics.registry import metric_info
from ..run.rank_by import by_dataset, preferred
from ..run.record import RunRecord

Cell = tuple[str, str, str]
"""Dataset, condition and metric."""

TRIALS, FAILED, PERCENT = "progress/trials", "progress/failed_trials", "progress/percent"


def name_of(cell: Cell, system: str | None = None) -> str:
    """Name of a mean: of a system's own run, or of the parent."""
    return "/".join(filter(None, (*cell, system)))


def headlines(record: RunRecord, cells: Iterable[Cell]) -> set[Cell]:
    """The metric of each stratum that ranks its systems, as the config says or by default."""
    chosen = by_dataset(record.config.rank_by, record.datasets) if record.config else {}
    strata: dict[tuple[str, str], list[MetricInfo]] = {}
    for dataset, condition, metric in cells:
        strata.setdefault((dataset, condition), []).append(_info(metric, record.metrics))
    return {(*stratum, _headline(infos, chosen.get(stratum[0]))) for stratum, infos in strata.items()}


def _headline(infos: list[MetricInfo], chosen: str | None) -> str:
    names = {info.name for info in infos}
    best = preferred(infos) or next((info for info in infos if info.can_rank), infos[0])
    return chosen if chosen in names and chosen else best.name


def _info(name: str, stored: Mapping[str, MetricInfo]) -> MetricInfo:
    return stored[name] if name in stored else metric_info(name)


def expected_trials(record: RunRecord) -> int:
    """Trials of all systems together when the run is complete."""
    return sum(
        sum(facts.trials.values()) * system.samples
        for title, system in record.systems.items()
        for facts in record.datasets.values()
        if title in facts.systems
    )
