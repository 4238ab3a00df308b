"""From run folders to report files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...bench.rows import read_rows
from ...bench.run.record import BootstrapFacts, read_runs
from ..leaderboard.board import Leaderboard
from ..leaderboard.build import leaderboard
from .registry import Report, load_report

FORMATS = ("html", "md", "csv")
Options = Mapping[str, Mapping[str, Any]]
"""Settings of formats by name."""


def write_reports(
    run_dirs: Sequence[Path], out: Path, formats: Sequence[str] = FORMATS, options: Options | None = None
) -> list[Path]:
    """Write the leaderboard of one or more runs in each format.

    Args:
        run_dirs: folders with `rows/` and, mostly, `run.json`.
        out: folder of the reports; made if it is missing.
        formats: names in `REPORTS`.
        options: settings of these formats.

    Returns:
        The files written, in the order of the formats.

    Raises:
        UnknownNameError: no such format.
        ConfigError: a run folder is missing, empty or does not fit the others; or a setting is
            unknown or wrong.
        DatasetError: a shard of rows is damaged.
        OutputError: `out` cannot be written.
    """
    reports = _reports(formats, options)  # a typo shows at once
    board = open_board(run_dirs)
    return [path for report in reports for path in report(board, out)]


def write_board(
    board: Leaderboard, out: Path, formats: Sequence[str] = FORMATS, options: Options | None = None
) -> list[Path]:
    """Write a leaderboard that is already there in each format.

    Raises:
        UnknownNameError: no such format.
        ConfigError: a setting is unknown or wrong.
        OutputError: `out` cannot be written.
    """
    reports = _reports(formats, options)
    return [path for report in reports for path in report(board, out)]


def open_board(run_dirs: Sequence[Path]) -> Leaderboard:
    """The leaderboard of one or more run folders, with the intervals that the first run asks for.

    Raises:
        ConfigError: a run folder is missing, empty or does not fit the others.
        DatasetError: a shard of rows is damaged.
    """
    runs = read_runs(run_dirs)
    wanted = next((run.config.bootstrap for run in runs if run.config), BootstrapFacts())
    seed = next((run.seed for run in runs if run.seed is not None), 0)
    board = leaderboard(
        read_rows(run_dirs), runs=runs, level=wanted.level, resamples=wanted.resamples, seed=seed
    )
    return replace(board, folders=tuple(Path(folder) for folder in run_dirs))


def _reports(formats: Sequence[str], options: Options | None) -> list[Report]:
    return [load_report(name, (options or {}).get(name)) for name in dict.fromkeys(formats)]
