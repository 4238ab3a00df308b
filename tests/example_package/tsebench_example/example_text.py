"""A report format: one line of text for each system."""

from __future__ import annotations

from pathlib import Path

from tsebench.core.files import make_folder, write_atomic
from tsebench.reports.formats.registry import REPORTS
from tsebench.reports.leaderboard.board import Leaderboard


@REPORTS.register("example_text")
def write_example_text(board: Leaderboard, out: Path, *, digits: int = 2) -> list[Path]:
    """Write `example.txt`: mean, unit and count of each metric of each system.

    Args:
        digits: after the decimal point.

    Raises:
        OutputError: the folder cannot be written.
    """
    means = board.to_frame()
    lines = [
        f"{row.dataset} {row.condition} {row.system} {row.metric}: "
        f"{row.mean:.{digits}f} {row.unit} (n = {row.n})"
        for row in means.itertuples()
    ]
    path = make_folder(out) / "example.txt"
    write_atomic(path, "\n".join(lines) + "\n")
    return [path]
