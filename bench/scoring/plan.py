"""The metrics of a run: names resolved to metrics, improvements and values of the references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field

from ...core.config_files import settings_of
from ...core.errors import ConfigError, UnknownNameError
from ...core.validation import StrictModel
from ..metrics.protocol import FileMetric, Metric, MetricInfo
from ..metrics.registry import METRICS, MetricContext, known_infos, load_metric
from ..score_row import WATCHED
from .metric_code import metric_code


class MetricSpec(StrictModel):
    """One metric of a run; a bare name in the YAML means its defaults.

    Attributes:
        name: a metric, or the improvement of one, see `tsebench list metrics`.
        options: settings of the metric, see `tsebench explain metric NAME`.
    """

    name: str
    options: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedMetric:
    """A value that follows from a base metric: value(system) − value(mixture), or value(reference).

    Attributes:
        part: name of the part of the base metric that it follows from; None: the metric itself.
    """

    info: MetricInfo
    base: Metric
    part: str | None = None

    @property
    def source(self) -> str:
        """Name of the value that it follows from."""
        return self.part or self.base.info.name

    def signature(self, sample_rate_hz: int) -> str:
        """Its own name, `|` and the signature of the value that it follows from."""
        names = [self.info.name, *([self.part] if self.part else [])]
        return "|".join([*names, self.base.signature(sample_rate_hz)])


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPlan:
    """The metrics of a run, in the order of its config.

    Attributes:
        metrics: base metrics, named by the user or implied by an improvement.
        improvements: the improvements that the user named.
        reference_values: values of the references, for metrics that show them.
        watched: base metrics that are not named, whose values become tags of rows instead of rows.
        codes: digest by base metric of its code and options, in addition to its signature.
        infos: what reports need to know of all of them; a base metric comes before its parts, the value of its
            reference and its improvement.
    """

    metrics: tuple[Metric, ...]
    improvements: tuple[DerivedMetric, ...]
    reference_values: tuple[DerivedMetric, ...]
    infos: tuple[MetricInfo, ...]
    watched: tuple[Metric, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all metrics and improvements, in order."""
        return tuple(info.name for info in self.infos)

    @property
    def of_files(self) -> tuple[FileMetric, ...]:
        """Metrics that worker processes compute, one file at a time."""
        return tuple(metric for metric in self.metrics if isinstance(metric, FileMetric))

    def code_of(self, metric: Metric) -> str:
        """Digest of the code and options of a base metric; "" where the plan does not know them."""
        return self.codes.get(metric.info.name, "")

    def restricted(self, metrics: Sequence[Metric]) -> MetricPlan:
        """A plan of these base metrics alone."""
        return replace(self, metrics=tuple(metrics), improvements=(), reference_values=(), watched=())

    def info(self, name: str) -> MetricInfo:
        """Unit, direction and scope of a metric or an improvement of this plan.

        Raises:
            UnknownNameError: it is not in the plan.
        """
        known = {info.name: info for info in self.infos}
        if name not in known:
            raise UnknownNameError("metric", name, known)
        return known[name]


def plan_metrics(
    choices: Sequence[str | MetricSpec], *, context: MetricContext | None = None, watch: bool = False
) -> MetricPlan:
    """Resolve metrics and improvements; `si_sdri` implies `si_sdr`.

    Args:
        watch: compute `WATCHED`, too.

    Raises:
        UnknownNameError: neither a metric nor an improvement; the message lists all that are known.
        ConfigError: a setting is unknown or wrong, or one metric is named with two settings.
    """
    context = context or MetricContext()  # one for all, because they share what it holds
    metrics: dict[str, Metric] = {}
    settings: dict[str, Mapping[str, Any]] = {}
    improvements: dict[str, DerivedMetric] = {}
    for choice in (MetricSpec(name=c) if isinstance(c, str) else c for c in choices):
        name = _base_of(choice.name)
        if name not in metrics:
            metrics[name] = load_metric(name, choice.options, context=context)
            settings[name] = choice.options
        elif dict(choice.options or settings[name]) != dict(settings[name]):
            both = f"{dict(settings[name])} and {dict(choice.options)}"
            problem = f"metric {name!r} is asked for with the settings {both}"
            raise ConfigError(f"{problem}; a run has one of each: use two runs")
        if choice.name != name:
            base = metrics[name]
            improvements[choice.name] = DerivedMetric(info=base.info.improvement_info(choice.name), base=base)
    values = [value for metric in metrics.values() for value in _of_references(metric)]
    infos = [
        info
        for metric in metrics.values()
        for info in metric.info.family()
        if info.name != metric.info.improvement or info.name in improvements
    ]
    watched = {WATCHED: load_metric(WATCHED)} if watch and WATCHED not in metrics else {}
    return MetricPlan(
        metrics=tuple(metrics.values()),
        improvements=tuple(improvements.values()),
        reference_values=tuple(values),
        infos=tuple(infos),
        watched=tuple(watched.values()),
        codes={
            name: metric_code(METRICS.get(name), metric, settings.get(name, {}))
            for name, metric in (metrics | watched).items()
        },
    )


def _base_of(name: str) -> str:
    """Name of the metric that a metric or an improvement needs.

    Raises:
        UnknownNameError: see `plan_metrics`.
    """
    if METRICS.found(name) is not None:
        return name
    likely = METRICS.found(name.removesuffix("i"))  # the other modules are not imported for it
    if likely is not None and likely().info.improvement == name:
        return likely().info.name
    base_of = {info.improvement: info.name for info in known_infos() if info.improvement}
    if name not in METRICS and name not in base_of:
        raise METRICS.unknown(name, [*METRICS, *base_of])
    return base_of.get(name, name)


def _of_references(metric: Metric) -> Iterator[DerivedMetric]:
    """Values of the references by a metric and its parts, where they show them."""
    for info in (metric.info, *metric.info.parts):
        if info.reference_value is not None:
            part = None if info is metric.info else info.name
            yield DerivedMetric(info=info.reference_info(info.reference_value), base=metric, part=part)


def parse_metrics(names: Sequence[str], settings: Sequence[str]) -> tuple[MetricSpec, ...]:
    """Metrics with their settings METRIC.KEY=VALUE (values as in YAML), as the command line gives them.

    Raises:
        ConfigError: a setting is not METRIC.KEY=VALUE, or is of a metric that is not named.
    """
    options = settings_of(settings, names, kind="metric", named_by="--metrics", example="wer.backend=pocketsphinx")
    return tuple(MetricSpec(name=name, options=options[name]) for name in names)
