"""Systems that draw their answers: the mean over samples, with the spread between seeds in every table."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import make_run, rows_of
from rich.console import Console

from tsebench.reports.formats.latex import write_latex
from tsebench.reports.formats.md import board_markdown
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.leaderboard.document import from_json, to_json
from tsebench.reports.notebook.show import board_html
from tsebench.reports.site.site import render
from tsebench.reports.terminal.print_leaderboard import print_leaderboard

VALUES = np.arange(20) % 5
SHIFTS = (0.0, 0.5, -0.2)
SD = float(np.std(SHIFTS, ddof=1))  # 0.3606
MEAN = float(VALUES.mean() + np.mean(SHIFTS))


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    """One system of three samples whose means lie apart by known shifts, and one of a single answer."""
    rows = [row for k, shift in enumerate(SHIFTS) for row in rows_of(list(VALUES + shift), "drawn", sample=k)]
    return open_board([make_run(tmp_path / "run", [*rows, *rows_of(list(VALUES + 3.0), "fixed")])])


def test_cells_have_mean_and_spread(board: Leaderboard) -> None:
    (table,) = board.tables
    drawn, fixed = (entry.cells[0] for name in ("drawn", "fixed") if (entry := table.entry(name)) is not None)
    assert drawn is not None
    assert fixed is not None
    assert (drawn.n, drawn.n_samples, drawn.mean, drawn.seed_sd) == (20, 3, pytest.approx(MEAN), pytest.approx(SD))
    assert (fixed.n_samples, math.isnan(fixed.seed_sd)) == (1, True)
    assert table.n_trials == 20
    assert {entry.system: entry.rank for entry in table.entries} == {"fixed": 1, "drawn": 2}
    assert board.issues == ()
    assert len(board.rows) == 40  # one for each system and trial: no sample is a row of its own


def test_the_document_holds_the_spread(board: Leaderboard) -> None:
    again = from_json(to_json(board), where="test")
    entry = again.tables[0].entry("drawn")
    assert entry is not None
    cell = entry.cells[0]
    assert cell is not None
    assert (cell.n_samples, cell.seed_sd) == (3, pytest.approx(SD))


def test_the_long_table_has_columns_for_it(board: Leaderboard) -> None:
    frame = board.to_frame().set_index("system")
    assert frame["n_samples"].to_dict() == {"fixed": 1, "drawn": 3}
    assert frame.loc["drawn", "seed_sd"] == pytest.approx(SD)
    assert math.isnan(frame.loc["fixed", "seed_sd"])


def test_every_format_shows_it_next_to_the_mean(board: Leaderboard, tmp_path: Path) -> None:
    stream = io.StringIO()
    print_leaderboard(board, Console(file=stream, width=100))
    latex = "".join(path.read_text() for path in write_latex(board, tmp_path / "report"))
    assert "$\\sigma$ 0.36, 3 seeds" in latex
    assert "σ 0.36" in stream.getvalue()
    for text in (board_markdown(board), render(board), board_html(board)):
        assert "σ 0.36, 3 seeds" in text
    for text in (board_markdown(board), render(board), board_html(board), stream.getvalue(), latex):
        assert "never the best" in " ".join(text.split())
