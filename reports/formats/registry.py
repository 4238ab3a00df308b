"""The registry of report formats: one module of this package, or one plug-in, for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

from ...core.entry_checks import call_problem
from ...core.errors import OutputError, TsebenchError
from ...core.processors import one_blas_thread
from ...core.registry import Registry
from ...core.validation import checked_options
from ..leaderboard.board import Leaderboard

Report = Callable[[Leaderboard, Path], list[Path]]
"""Writes one format into a folder (else OutputError) and returns the files; keyword-only arguments are settings."""


def _problem(_: str, report: Report) -> str:
    """Why a function writes no report."""
    return call_problem(report, positional=["board", "out"])


REPORTS: Registry[Report] = Registry(
    "report", package="tsebench.reports.formats", group="tsebench.reports", check=_problem
)


def load_report(name: str, options: Mapping[str, Any] | None = None) -> Report:
    """A report format with its settings.

    Raises:
        UnknownNameError: no such format.
        ConfigError: a setting is unknown or wrong.
    """
    report = REPORTS.get(name)
    given = list(signature(report).parameters)[:2]
    where, topic = f"report {name!r}", f"report {name}"
    return partial(report, **checked_options(report, options or {}, where=where, given=given, topic=topic))


@one_blas_thread()  # aggregates of slices share the threads
def write_board(
    board: Leaderboard, out: Path, formats: Sequence[str], options: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Path]:
    """Write a leaderboard in each format, and return the files in the order of the formats.

    Raises:
        UnknownNameError, ConfigError: see `load_report`.
        OutputError: `out`, which is made if it is missing, cannot be written; or the report of another package raised,
            after all others were written.
    """
    reports = {name: load_report(name, (options or {}).get(name)) for name in dict.fromkeys(formats)}
    written: list[Path] = []
    problems: list[str] = []
    for name, report in reports.items():
        try:
            written += report(board, out)
        except Exception as error:
            package = REPORTS.package_of(name)
            if not package or isinstance(error, TsebenchError):
                raise
            problems.append(f"report {name!r} of package {package!r}: {type(error).__name__}: {error}")
    if problems:
        raise OutputError(f"{'; '.join(problems)}; correct or leave it out: every other format was written to {out}")
    return written
