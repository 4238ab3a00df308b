"""Unit and direction of a metric or of its improvement over the mixture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ..bench.metrics.protocol import Scope
from ..bench.plan import known_metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFacts:
    """What a report says of a metric.

    Attributes:
        higher_is_better: None if the metric is not known here: it is shown, never ranked by.
        floor_db: value given to a silent estimate, or None.
        improvement: name of the improvement over the mixture, or None.
        scope: whether it applies where the target is "present", where it is "absent", or to "any".
        pooled: its mean weighs trials, by words for a word error rate.
        part_of: the metric that it is a part of.
    """

    name: str
    unit: str = ""
    higher_is_better: bool | None = None
    description: str = ""
    floor_db: float | None = None
    improvement: str | None = None
    scope: Scope = "present"
    pooled: bool = False
    part_of: str | None = None


@cache
def metric_facts(name: str) -> MetricFacts:
    """Facts of a registered metric, or of what is derived from one.

    A metric of a plug-in that is not installed gives its name alone, so that its rows are shown.
    """
    for info in known_metrics():
        if info.name == name:
            return MetricFacts(
                name=info.name,
                unit=info.unit,
                higher_is_better=info.higher_is_better,
                description=info.description,
                floor_db=info.floor_db,
                improvement=info.improvement,
                scope=info.scope,
                pooled=info.pooled,
                part_of=info.part_of,
            )
    return MetricFacts(name=name)
