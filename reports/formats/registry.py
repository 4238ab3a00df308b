"""The registry of report formats: one module of this package, or one plug-in, for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

from ...core.registry import Registry
from ...core.validation import checked_options
from ..leaderboard.board import Leaderboard

# Writes one format into a folder and says which files it wrote. Its keyword-only arguments have
# defaults and are settings: `--option NAME.KEY=VALUE` sets them.
Report = Callable[[Leaderboard, Path], list[Path]]

REPORTS: Registry[Report] = Registry("report", package="tsebench.reports.formats", group="tsebench.reports")


def load_report(name: str, options: Mapping[str, Any] | None = None) -> Report:
    """A report format with its settings.

    Raises:
        UnknownNameError: no such format.
        ConfigError: a setting is unknown or wrong.
    """
    report = REPORTS.get(name)
    given = list(signature(report).parameters)[:2]
    where = f"report {name!r}"
    return partial(report, **checked_options(report, options or {}, where=where, given=given))
