"""A recogniser that fails on the clean references: every report says that its word error rates mean nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from helpers.runs import make_run, rows_of
from rich.console import Console

from tsebench.reports.formats.md import board_markdown
from tsebench.reports.formats.registry import REPORTS
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.leaderboard.doubts import doubts
from tsebench.reports.terminal.print_leaderboard import print_leaderboard

SAID = "means nothing: 100.0 % on the clean references"


def _board(folder: Path, of_references: float) -> Leaderboard:
    rows = []
    for system, rate in (("poor", 110.0), ("good", 100.0)):
        rows += rows_of([rate] * 4, system, metric="wer", signature="wer|x")
        rows += rows_of([of_references] * 4, system, metric="wer_reference", signature="wer_reference|wer|x")
        rows += rows_of([1.0] * 4, system)
    return open_board([make_run(folder / "run", rows)])


def _printed(board: Leaderboard) -> str:
    said = io.StringIO()
    print_leaderboard(board, Console(file=said, width=80))
    return said.getvalue()


@pytest.mark.parametrize(("of_references", "count"), [(49.9, 0), (50.0, 0), (50.1, 1), (100.0, 1)])
def test_the_limit_is_half_of_all_words(of_references: float, count: int, tmp_path: Path) -> None:
    board = _board(tmp_path, of_references)
    assert len(list(doubts(board.tables))) == count == len(board.remarks)
    (wer,) = (column for column in board.tables[0].columns if column.key == "wer")
    assert wer.best == (() if count else ("good",))


def test_every_format_says_it(tmp_path: Path) -> None:
    board = _board(tmp_path, 100.0)
    for name in ("html", "json", "latex"):
        REPORTS.get(name)(board, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count(f'<small class="bad" title="{SAID}">means nothing</small>') == 2  # systems
    assert page.count(f"wer {SAID} themselves, more than 50 %; choose a recogniser") == 1
    stored = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    assert [remark for remark in stored["remarks"] if SAID in remark]
    tables = "".join(path.read_text() for path in (tmp_path / "out" / "latex").glob("table_*.tex"))
    assert "means nothing: 100.0 \\% on the clean references" in tables
    assert board_markdown(board).count(SAID) == 3  # the remark, and two cells
    printed = _printed(board)
    assert printed.count("?") >= 2
    assert f"note: set · FMQ 1:0: wer {SAID}" in " ".join(printed.split())
    assert "means nothing:" not in _printed(_board(tmp_path / "other", 8.0))
