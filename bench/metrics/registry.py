"""Metrics by name and settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ...core.entry_checks import call_problem, face_problem, type_problem
from ...core.errors import ConfigError
from ...core.registry import Registry
from ..asr.recognitions import Recognitions
from .protocol import AnswerMetric, BatchMetric, FileMetric, Metric, MetricInfo

MetricFactory = Callable[..., Metric]


def _problem(name: str, factory: MetricFactory) -> str:
    """Why a class or function makes no metric: it is called without settings, as for a list of all metrics."""
    if problem := call_problem(factory):
        return problem
    metric = factory()
    problem = face_problem(metric, BatchMetric, FileMetric, AnswerMetric)
    problem = problem or type_problem("info", metric.info, MetricInfo)
    if not problem and metric.info.name != name:
        return f"its info is called {metric.info.name!r}, but it is registered as {name!r}: give both one name"
    return problem


METRICS: Registry[MetricFactory] = Registry(
    "metric", package="tsebench.bench.metrics", group="tsebench.metrics", check=_problem
)
"""Makers of metrics by name.

All their arguments are keywords with defaults: a metric's settings. Those of `GIVEN` come from the harness, see
`MetricContext`.
"""

GIVEN = ("device", "grammar", "recognitions")
"""Arguments of metrics that the harness gives, and users cannot."""

register_metric = METRICS.register
"""Decorator that adds the maker of a metric under a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricContext:
    """Arguments that the harness gives to metrics that have them.

    Attributes:
        device: where a metric that has a network runs it.
        grammar: JSGF grammar of all sentences of the dataset, or None.
        recognitions: recognised texts, which the metrics of one set share.
    """

    device: str = "cpu"
    grammar: str | None = None
    recognitions: Recognitions = field(default_factory=Recognitions)


def load_metric(name: str, options: Mapping[str, Any] | None = None, *, context: MetricContext | None = None) -> Metric:
    """Make a metric.

    Raises:
        UnknownNameError: no such metric.
        ConfigError: a setting is unknown or wrong.
    """
    # Worker processes import this module, and must start quickly: no pydantic before it is needed.
    from ...core.validation import call_with  # noqa: PLC0415

    factory = METRICS.get(name)
    known = inspect.signature(factory).parameters
    chosen = context or MetricContext()
    given = {key: getattr(chosen, key) for key in GIVEN if key in known}
    metric: Metric = call_with(factory, options or {}, where=f"metric {name!r}", given=given, topic=f"metric {name}")
    missing = [option for option in metric.info.options if option not in (options or {})]
    if missing:
        install = f"; or install what it takes without: {metric.info.install}" if metric.info.install else ""
        raise ConfigError(
            f"metric {name!r} needs its setting {missing[0]!r}; write `{{name: {name}, options: {{{missing[0]}: "
            f"...}}}}` in a config, or give `--option {name}.{missing[0]}=...`{install}"
        )
    return metric


def known_infos() -> list[MetricInfo]:
    """Facts of all registered metrics with their default settings, sorted by name."""
    return [METRICS.get(name)().info for name in METRICS]


def known_metrics() -> list[MetricInfo]:
    """All registered metrics, sorted by name, each followed by what is derived from it."""
    return [info for known in known_infos() for info in known.family()]


def metric_info(name: str) -> MetricInfo:
    """Facts of a registered metric, or of what is derived from one; of any other its name alone."""
    return _infos_of(tuple(METRICS)).get(name) or MetricInfo(name=name)


@lru_cache(maxsize=4)
def _infos_of(names: tuple[str, ...]) -> Mapping[str, MetricInfo]:  # noqa: ARG001 - a new name, a new table
    return {info.name: info for info in known_metrics()}
