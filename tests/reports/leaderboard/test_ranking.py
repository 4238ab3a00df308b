"""Ranks, leader and alarms: baselines and oracles are points of reference, the same in every format."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pandas as pd
import pytest
from helpers.runs import facts_of, make_run, rows_of
from rich.console import Console

from tsebench.bench.run.system_facts import SystemFacts
from tsebench.bench.score_row import ScoreRow
from tsebench.reports.formats.md import board_markdown
from tsebench.reports.formats.registry import REPORTS
from tsebench.reports.leaderboard import wording
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.leaderboard.ranking import tie_groups
from tsebench.reports.site.site import render
from tsebench.reports.tables.board_tables import print_table
from tsebench.reports.terminal.print_leaderboard import print_leaderboard

FAMILIES = {"quiet": "baseline", "passed_on": "baseline", "bound": "oracle", "net": "generative", "old": "cascade"}
ABSENT = {"condition": "FUQ", "n_active": 0, "n_inactive": 1, "metric": "attenuation", "signature": "attenuation"}
SILENT = "pesq_silent_estimate"


def board_of(folder: Path, rows: list[ScoreRow], families: dict[str, str]) -> Leaderboard:
    systems = {name: {"family": family, "privileged": family == "oracle"} for name, family in families.items()}
    return open_board([make_run(folder, rows, {**facts_of(families), "systems": systems})])


@pytest.fixture
def absent(tmp_path: Path) -> Leaderboard:
    """Twenty absent-target trials, where a baseline that is silent would win by definition."""
    levels = {"quiet": -120.0, "bound": -120.0, "net": -20.0, "old": -10.0, "passed_on": 0.0}
    rows = [
        row
        for name, level in levels.items()
        for row in rows_of([level + 0.01 * (trial % 7) for trial in range(20)], name, **ABSENT)
    ]
    return board_of(tmp_path / "run", rows, FAMILIES)


def test_the_leader_has_rank_1_where_silence_wins_by_definition(absent: Leaderboard) -> None:
    (table,) = absent.tables
    assert {entry.system: entry.rank for entry in table.entries} == {
        "bound": None,
        "quiet": None,
        "passed_on": None,
        "net": 1,
        "old": 2,
    }
    assert (table.leader, table.rival) == ("net", "old")
    assert table.columns[0].best == ("net",)
    assert tie_groups(absent, table, 0) == {"net": 1, "old": 2}
    notes = {entry.system: entry.note for entry in table.entries}
    assert notes["quiet"] == notes["passed_on"] == "baseline: not ranked"
    assert wording.unranked(table) == []
    assert {entry.system for entry in table.entries if entry.gap is not None} == {"bound", "quiet", "old", "passed_on"}


def test_every_format_agrees_on_ranks_and_leader(absent: Leaderboard, tmp_path: Path) -> None:
    (table,) = absent.tables
    stream = io.StringIO()
    print_leaderboard(absent, Console(file=stream, width=100))
    lines = stream.getvalue().splitlines()
    marks = {words[1]: words[0] for line in lines if len(words := line.split()) > 2 and words[1] in FAMILIES}
    assert marks == {"bound": "○", "quiet": "†", "net": "1", "old": "2", "passed_on": "†"}
    assert any(line.startswith("FUQ 0:1: net is") for line in lines)
    text = board_markdown(absent)
    for name, mark in marks.items():
        assert f"| {mark} | {name.replace('_', chr(92) + '_')} |" in text
    assert "net is 10.00 dB better than old" in text
    printed = print_table(absent, table)
    assert {row.cells[1].text: row.cells[0].text for row in printed.rows} == marks
    assert [row.cells[1].text for row in printed.rows if row.cells[2].bold] == ["net"]
    (path,) = REPORTS.get("csv")(absent, tmp_path)
    csv = pd.read_csv(path).set_index("system")
    assert csv["rank"].dropna().to_dict() == {"net": 1.0, "old": 2.0}
    assert set(csv["leader"]) == {"net"}
    (path,) = REPORTS.get("json")(absent, tmp_path)
    (stored,) = json.loads(path.read_text())["tables"]
    assert stored["leader"] == "net"
    assert {e["system"]: e["rank"] for e in stored["entries"] if e["rank"]} == {"net": 1, "old": 2}
    assert '<span class="name">net</span>' in render(absent)


def test_the_card_decides_and_not_the_name(tmp_path: Path) -> None:
    rows = [*rows_of([-120.0] * 20, "silence", **ABSENT), *rows_of([-20.0] * 20, "mixture", **ABSENT)]
    board = board_of(tmp_path, rows, {"silence": "discriminative", "mixture": "external"})
    assert board.tables[0].leader == "silence"
    assert [entry.rank for entry in board.tables[0].entries] == [1, 2]


def test_a_baseline_that_is_better_is_the_rival(tmp_path: Path) -> None:
    rows = [*rows_of([3.0, 3.1] * 10, "net"), *rows_of([5.0, 5.2] * 10, "passed_on")]
    (table,) = board_of(tmp_path, rows, {"net": "cascade", "passed_on": "baseline"}).tables
    assert (table.leader, table.rival) == ("net", "passed_on")
    assert wording.verdict(table).startswith("2.05 dB worse than passed_on")


def test_baselines_alone_have_no_leader(tmp_path: Path) -> None:
    board = board_of(tmp_path, rows_of([0.0] * 8, "passed_on"), {"passed_on": "baseline"})
    assert board.tables[0].leader is None
    assert "baselines and oracles alone" in render(board)


def failing(reason: str, family: str, folder: Path) -> Leaderboard:
    """A system whose PESQ fails for a reason on every trial, and a network that has all values."""
    pesq = {"metric": "pesq", "signature": "pesq"}
    rows = [
        *rows_of([math.nan] * 8, "quiet", **pesq, reason=[reason] * 8),
        *rows_of([1.5] * 8, "net", **pesq),
        *(row for name in ("quiet", "net") for row in rows_of([1.0, 2.0] * 4, name)),
    ]
    return board_of(folder, rows, {"quiet": family, "net": "generative"})


def told(board: Leaderboard) -> tuple[str, str]:
    """Terminal and page."""
    stream = io.StringIO()
    print_leaderboard(board, Console(file=stream, width=200))
    return stream.getvalue(), render(board)


def test_a_baseline_without_a_value_for_silence_is_a_note_and_no_alarm(tmp_path: Path) -> None:
    board = failing(SILENT, "baseline", tmp_path)
    assert wording.trouble(board) == ""
    (note,) = wording.expected(board)
    assert note == f"as expected of a baseline, quiet has no pesq on 8 trials of set FMQ 1:0 ({SILENT})"
    terminal, page = told(board)
    assert note in terminal
    assert "with a value that failed" not in terminal
    assert 'class="trouble"' not in page
    assert note[1:] in page
    assert "<small>8 failed</small>" in page
    assert "<small>as expected</small>" in page
    assert note in board_markdown(board).replace("\\_", "_")
    # Nothing vanishes: it is still an issue of the board.
    assert [(i.system, i.status, i.n_trials) for i in board.issues] == [("quiet", "failed", 8)]


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("discriminative", SILENT),  # a network that gives silence is broken
        ("external", SILENT),
        ("baseline", "crashed"),
        ("baseline", "RuntimeError: silent_estimate of nothing"),
    ],
)
def test_any_other_failure_is_an_alarm(family: str, reason: str, tmp_path: Path) -> None:
    board = failing(reason, family, tmp_path)
    assert wording.trouble(board) == "8 trials with a value that failed, counted for each system"
    assert wording.expected(board) == []
    terminal, page = told(board)
    assert f"quiet, set FMQ 1:0: 8 failed: {reason}" in terminal
    assert 'class="trouble"' in page
    assert '<small class="bad">8 failed</small>' in page


def test_a_missing_trial_of_a_baseline_is_an_alarm(tmp_path: Path) -> None:
    rows = [*rows_of([1.0] * 8, "net"), *rows_of([0.0] * 7, "quiet")]
    board = board_of(tmp_path, rows, {"quiet": "baseline", "net": "generative"})
    assert wording.trouble(board) == "1 trial missing, counted for each system"
    assert wording.unranked(board.tables[0]) == ["quiet: not ranked: 1 trial missing"]


def test_a_table_by_a_metric_that_has_no_value_for_silence(tmp_path: Path) -> None:
    pesq = {"metric": "pesq", "signature": "pesq"}
    rows = [*rows_of([math.nan] * 8, "quiet", **pesq, reason=[SILENT] * 8), *rows_of([1.5, 2.0] * 4, "net", **pesq)]
    (table,) = board_of(tmp_path, rows, {"quiet": "baseline", "net": "generative"}).tables
    assert (table.leader, table.rival) == ("net", None)
    assert [(entry.system, entry.note) for entry in table.entries] == [("net", ""), ("quiet", "baseline: not ranked")]


def test_what_a_card_promises() -> None:
    assert SystemFacts(family="baseline").expects(SILENT)
    assert not SystemFacts(family="oracle", privileged=True).expects(SILENT)
    assert not SystemFacts().expects(SILENT)
    assert SystemFacts().competes
    assert not SystemFacts(privileged=True).competes
