"""The registry of report formats: one module of this package, or one plug-in, for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..registry import Registry
from .board import Leaderboard

# Writes one format into a folder and says which files it wrote.
Report = Callable[[Leaderboard, Path], list[Path]]

REPORTS: Registry[Report] = Registry("report", package="tsebench.reports", group="tsebench.reports")
