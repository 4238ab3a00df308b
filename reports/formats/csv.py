"""The report `csv`: one line for each system, stratum and metric, at full precision."""

from __future__ import annotations

from pathlib import Path

from ...core.files import make_folder, write_atomic
from ..leaderboard.board import Leaderboard
from ..tables.csv_text import to_csv
from .registry import REPORTS


@REPORTS.register("csv")
def write_csv(board: Leaderboard, out: Path) -> list[Path]:
    """Write `report.csv`."""
    path = make_folder(out) / "report.csv"
    write_atomic(path, to_csv(board.to_frame()))
    return [path]
