"""The report `html`: a folder of pages that need no network, light and dark, for a phone too."""

from __future__ import annotations

from pathlib import Path

from .board import Leaderboard
from .registry import REPORTS
from .site.site import write_site


@REPORTS.register("html")
def write_html(board: Leaderboard, out: Path) -> list[Path]:
    """Pages: the leaderboard, each system, and the telling trials with players.

    Raises:
        OutputError: the folder cannot be written.
    """
    return write_site(board, out)
