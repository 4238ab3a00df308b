"""From run folders to report files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..bench.rows import read_rows
from .board import Leaderboard
from .leaderboard import leaderboard
from .provenance import BootstrapFacts, read_runs
from .registry import REPORTS

FORMATS = ("html", "md", "csv")


def write_reports(
    run_dirs: Sequence[Path], out: Path, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write the leaderboard of one or more runs in each format.

    Args:
        run_dirs: folders with `rows/` and, mostly, `run.json`.
        out: folder of the reports; made if it is missing.
        formats: names in `REPORTS`.

    Returns:
        The files written, in the order of the formats.

    Raises:
        UnknownNameError: no such format.
        ConfigError: a run folder is missing, empty or does not fit the others.
        DatasetError: a shard of rows is damaged.
        OutputError: `out` cannot be written.
    """
    reports = [REPORTS.get(name) for name in dict.fromkeys(formats)]  # a typo shows at once
    board = open_board(run_dirs)
    return [path for report in reports for path in report(board, out)]


def write_board(board: Leaderboard, out: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a leaderboard that is already there in each format.

    Raises:
        UnknownNameError: no such format.
        OutputError: `out` cannot be written.
    """
    reports = [REPORTS.get(name) for name in dict.fromkeys(formats)]
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
    return leaderboard(
        read_rows(run_dirs), runs=runs, level=wanted.level, resamples=wanted.resamples, seed=seed
    )
