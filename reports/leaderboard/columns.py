"""Columns of a leaderboard: one metric of a table, and how far it tells clean references from mixtures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, with_config

from ...bench.metrics.protocol import MetricInfo
from ...core.json_fields import CLOSED, Number


def _known_metric(name: object, info: ValidationInfo) -> object:
    """Facts of a metric that a file names."""
    metrics: Mapping[str, MetricInfo] = info.context["metrics"] if info.context else {}
    if isinstance(name, str) and name not in metrics:
        raise ValueError(f"there are no facts of {name!r} in `metrics`")
    return metrics[name] if isinstance(name, str) else name


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceGap:
    """value(clean references) − value(mixtures) over the trials of a table where both have a value.

    Attributes:
        n: trials.
        n_clusters: clusters (mixtures) that they belong to.
        mean: in the metric's unit, of values or of pooled ones.
        ci_low: lower end of the paired interval; NaN with fewer than two clusters.
        told_apart: whether the whole interval lies on the side where the references are better; null: no interval.
    """

    n: int
    n_clusters: int
    mean: Number
    ci_low: Number
    ci_high: Number
    told_apart: bool | None


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One metric of a table.

    Attributes:
        key: the metric's name, with a number if the table has two signatures of it.
        best: systems with the best mean among those that may be ranked by this metric; none where it does not tell
            clean references from mixtures.
        reference_gap: difference of clean references and mixtures by this metric; None where the run has not both.
    """

    key: str
    facts: Annotated[
        MetricInfo,
        Field(alias="metric"),
        BeforeValidator(_known_metric),
        PlainSerializer(lambda facts: facts.name, return_type=str),
    ]
    signature: str
    best: tuple[str, ...] = ()
    reference_gap: ReferenceGap | None = None

    @property
    def title(self) -> str:
        """The key as papers write it: "si_sdri" is "SI-SDRi", "snri [2]" is "SNRi [2]"."""
        return self.facts.title + self.key.removeprefix(self.facts.name)
