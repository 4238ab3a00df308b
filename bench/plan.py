"""Which metrics a run computes: names resolved to metrics, improvements implied and described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import UnknownNameError
from .metrics.protocol import METRICS, Metric, MetricInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """value(system) − value(mixture) of a base metric."""

    info: MetricInfo
    base: Metric

    def signature(self, sample_rate_hz: int) -> str:
        """`si_sdri|` and the signature of the base metric."""
        return f"{self.info.name}|{self.base.signature(sample_rate_hz)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPlan:
    """The metrics of a run, in the order in which they were asked for.

    Attributes:
        metrics: base metrics, asked for or implied by an improvement.
        improvements: the improvements that were asked for.
        infos: what reports need to know of all of them; a base metric comes before its improvement.
    """

    metrics: tuple[Metric, ...]
    improvements: tuple[Improvement, ...]
    infos: tuple[MetricInfo, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all metrics and improvements, in order."""
        return tuple(info.name for info in self.infos)

    def info(self, name: str) -> MetricInfo:
        """Unit, direction and scope of a metric or an improvement of this plan.

        Raises:
            UnknownNameError: it is not in the plan.
        """
        for info in self.infos:
            if info.name == name:
                return info
        raise UnknownNameError("metric", name, self.names)


def plan_metrics(names: Sequence[str]) -> MetricPlan:
    """Resolve names of metrics and improvements; `si_sdri` implies `si_sdr`.

    Raises:
        UnknownNameError: neither a metric nor an improvement; the message lists all that are known.
    """
    base_of = _improvement_names()
    metrics: dict[str, Metric] = {}
    improvements: dict[str, Improvement] = {}
    infos: dict[str, MetricInfo] = {}
    for name in names:
        if name not in METRICS and name not in base_of:
            raise UnknownNameError("metric", name, [*METRICS, *base_of])
        base = METRICS.get(base_of.get(name, name))
        metrics.setdefault(base.info.name, base)
        infos.setdefault(base.info.name, base.info)
        if name in base_of:
            improvements[name] = Improvement(info=_improvement_info(base.info, name), base=base)
            infos[name] = improvements[name].info
    return MetricPlan(
        metrics=tuple(metrics.values()),
        improvements=tuple(improvements.values()),
        infos=tuple(infos.values()),
    )


def known_metrics() -> list[MetricInfo]:
    """All registered metrics, sorted by name, each followed by its improvement."""
    infos = []
    for name in METRICS:
        info = METRICS.get(name).info
        infos.append(info)
        if info.improvement is not None:
            infos.append(_improvement_info(info, info.improvement))
    return infos


def _improvement_names() -> dict[str, str]:
    """Base metric by name of its improvement."""
    bases = {name: METRICS.get(name).info.improvement for name in METRICS}
    return {improvement: name for name, improvement in bases.items() if improvement is not None}


def _improvement_info(base: MetricInfo, name: str) -> MetricInfo:
    return replace(
        base,
        name=name,
        description=f"{base.name} of the system − {base.name} of the mixture",
        improvement=None,
        floor_db=None,
    )
