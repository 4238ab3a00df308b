"""Metrics as a user asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..config_files import settings_of


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
    options = settings_of(
        settings, names, kind="metric", named_by="--metrics", example="wer.backend=pocketsphinx"
    )
    return tuple(MetricChoice(name=name, options=options[name]) for name in names)
