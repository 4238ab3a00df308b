"""Metrics as a user asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..config_files import setting
from ..errors import ConfigError, suggest

_EXAMPLE = "wer.backend=pocketsphinx"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChoice:
    """A metric or an improvement as a user asks for it: its name, and settings of the metric."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


def choices_of(names: Sequence[str], settings: Sequence[str]) -> tuple[MetricChoice, ...]:
    """Metrics with their settings, as the command line gives them.

    Args:
        names: metrics and improvements.
        settings: METRIC.KEY=VALUE, values as in YAML.

    Raises:
        ConfigError: a setting is not METRIC.KEY=VALUE, or is of a metric that is not asked for.
    """
    options: dict[str, dict[str, Any]] = {name: {} for name in names}
    for text in settings:
        place, value = setting(text, example=_EXAMPLE)
        metric, dot, key = place.partition(".")
        if not (dot and metric and key):
            raise ConfigError(
                f"--option {text!r} is not METRIC.KEY=VALUE; write for example {_EXAMPLE}"
            )
        if metric not in options:
            raise ConfigError(
                f"--option {text!r} is of metric {metric!r}, which --metrics does not name"
                f"{suggest(metric, names)}"
            )
        options[metric][key] = value
    return tuple(MetricChoice(name=name, options=options[name]) for name in names)
