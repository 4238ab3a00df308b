"""A report format: means and failures as lines of Markdown."""

from __future__ import annotations

from pathlib import Path

from tsebench.core.files import make_folder, write_atomic
from tsebench.reports.formats.registry import REPORTS
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.tables.escapes import markdown


@REPORTS.register("example_text")
def write_example_text(board: Leaderboard, out: Path, *, digits: int = 2) -> list[Path]:
    """Write `example.md`: mean, unit and count of each metric of each system, and what failed.

    Args:
        digits: after the decimal point.

    Raises:
        OutputError: the folder cannot be written.
    """
    lines = [
        f"- {markdown(row.system)}, {row.condition}, {row.metric}: {row.mean:.{digits}f} {row.unit} (n = {row.n})"
        for row in board.to_frame().itertuples()
    ]
    lines += [f"- {markdown(issue.system)}: {issue.n_trials} {issue.status} ({issue.reason})" for issue in board.issues]
    path = make_folder(out) / "example.md"
    write_atomic(path, "\n".join(lines) + "\n")
    return [path]
