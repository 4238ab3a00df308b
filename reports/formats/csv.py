"""The report `csv`: one line for each system, stratum and metric, at full precision."""

from __future__ import annotations

from pathlib import Path

from ...core.files import make_folder, write_atomic
from ..leaderboard.board import Leaderboard
from .registry import REPORTS


@REPORTS.register("csv")
def write_csv(board: Leaderboard, out: Path) -> list[Path]:
    """Write `report.csv`."""
    path = make_folder(out) / "report.csv"
    write_atomic(path, board.to_frame().to_csv(index=False, lineterminator="\n"))
    return [path]
