"""Absent targets: the table, the figures and the page that show how well systems notice them."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.runs import facts_of, make_run, rows_of

from tsebench.reports.figures.detection import detection
from tsebench.reports.figures.registry import LeftOut, Plot
from tsebench.reports.figures.shared.style import rendered, styled
from tsebench.reports.formats.md import board_markdown
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.site.charts.detection import detection_panels
from tsebench.reports.site.site import render
from tsebench.reports.tables.detection import detection_tables, detectors

SYSTEMS = {"careful": {"family": "discriminative"}, "mixture": {"family": "baseline"}}
ABSENT = {"condition": "FUQ", "n_active": 0, "n_inactive": 1}


def board_of(folder: Path, *, absent: bool = True) -> Leaderboard:
    """A system that is wrong in a quarter of the trials of each kind, and one whose answers all have the same level."""
    level = {"metric": "output_level", "signature": "output_level|f64"}
    present, gone = (
        [[-3.0, -3.5, -4.0, -30.0][k % 4] for k in range(24)],
        [[-25.0, -35.0, -40.0, -2.0][k % 4] for k in range(24)],
    )
    rows = rows_of(present, "careful", **level) + rows_of([0.0] * 24, "mixture", **level)
    if absent:
        ids = {"trial_id": [f"a{place:03d}" for place in range(24)], **ABSENT, **level}
        rows += rows_of(gone, "careful", **ids) + rows_of([0.0] * 24, "mixture", **ids)
    return open_board([make_run(folder, rows, {**facts_of(SYSTEMS), "systems": SYSTEMS})])


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return board_of(tmp_path / "run")


def test_table(board: Leaderboard) -> None:
    ((dataset, (printed,)),) = detection_tables(board).items()
    assert dataset == "set"
    careful, mixture = ([cell.text for cell in row.cells] for row in printed.rows)
    assert careful == ["Output level [dB]", "careful", "25.0", "−14.50", "24", "24", "0"]
    assert mixture[1:3] == ["mixture", "50.0"]
    assert printed.rows[0].cells[2].detail.startswith("[")
    assert "FMQ 1:0 against FUQ 0:1" in printed.caption


def test_markdown_and_page(board: Leaderboard) -> None:
    assert "Absent targets" in board_markdown(board)
    page = render(board)
    assert "Absent targets" in page
    assert "false extractions by Output level" in page


def test_panels_have_a_line_for_each_system_within_the_chart(board: Leaderboard) -> None:
    false, missed = detection_panels(board, "set")
    assert [line.system for line in false.lines] == ["careful", "mixture"]
    for panel in (false, missed):
        dots = [dot for line in panel.lines for dot in line.dots]
        assert all(0.0 <= dot.x <= panel.width and 0.0 <= dot.y <= panel.height for dot in dots)
    heights = [dot.y for dot in false.lines[0].dots]
    assert heights == sorted(heights)  # fewer false extractions above higher levels: downwards
    assert [dot.y for dot in missed.lines[0].dots] == sorted((d.y for d in missed.lines[0].dots), reverse=True)


def test_figures(board: Leaderboard) -> None:
    levels, errors = detection(board)
    assert isinstance(levels, Plot)
    assert isinstance(errors, Plot)
    assert "careful 25.0 % [" in errors.caption
    for plot in (levels, errors):
        with styled():
            assert rendered(plot.draw(), "svg").startswith(b"<?xml")


def test_a_board_without_absent_targets_has_none_of_it(tmp_path: Path) -> None:
    board = board_of(tmp_path / "run", absent=False)
    assert detectors(board) == []
    assert detection_tables(board) == {}
    assert [type(each) for each in detection(board)] == [LeftOut]
    assert "Absent targets" not in render(board)
