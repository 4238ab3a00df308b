"""Unit and direction of a metric or of its improvement over the mixture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ..bench.metrics.protocol import METRICS, MetricInfo, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFacts:
    """What a report says of a metric.

    Attributes:
        higher_is_better: None if the metric is not known here: it is shown, never ranked by.
        floor_db: value given to a silent estimate, or None.
        improvement: name of the improvement over the mixture, or None.
        scope: whether it applies where the target is "present", or where it is "absent".
    """

    name: str
    unit: str = ""
    higher_is_better: bool | None = None
    description: str = ""
    floor_db: float | None = None
    improvement: str | None = None
    scope: Scope = "present"


@cache
def metric_facts(name: str) -> MetricFacts:
    """Facts of a registered metric, or of the improvement that one declares.

    A metric of a plug-in that is not installed gives its name alone, so that its rows are shown.
    """
    for info in (METRICS.get(entry).info for entry in METRICS):
        if info.name == name:
            return _direct(info)
        if info.improvement == name:
            return _improvement(info)
    return MetricFacts(name=name)


def _direct(info: MetricInfo) -> MetricFacts:
    return MetricFacts(
        name=info.name,
        unit=info.unit,
        higher_is_better=info.higher_is_better,
        description=info.description,
        floor_db=info.floor_db,
        improvement=info.improvement,
        scope=info.scope,
    )


def _improvement(info: MetricInfo) -> MetricFacts:
    """An improvement keeps unit and direction: it is value(system) − value(mixture)."""
    return MetricFacts(
        name=str(info.improvement),
        unit=info.unit,
        higher_is_better=info.higher_is_better,
        description=f"{info.name} of the estimate minus {info.name} of the mixture",
        scope=info.scope,
    )
