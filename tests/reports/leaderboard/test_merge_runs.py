"""Run folders of several machines or people: nothing is mixed in silence."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.runs import facts_of, make_run, rows_of
from rich.console import Console

from tsebench.bench.score_row import ScoreRow
from tsebench.core.errors import ConfigError
from tsebench.reports.formats.registry import REPORTS
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard, Table
from tsebench.reports.terminal.print_leaderboard import print_leaderboard

VALUES = [10.0 + 0.1 * (i % 7) for i in range(40)]


def run(
    folder: Path, name: str, rows: list[ScoreRow], card: Mapping[str, object] | None = None, **changes: object
) -> Path:
    """A run of its own name and id; `card` is of the system "net"."""
    rows = [replace(row, run_id=name) for row in rows]
    facts = facts_of(dict.fromkeys(row.system for row in rows))
    systems = {key: {"card": dict(card or {"sha256": None, "options": {}})} for key in ("net",)}
    return make_run(folder / name, rows, {**facts, "run_id": name, "name": name, "systems": systems, **changes})


def only(board: Leaderboard) -> Table:
    (table,) = board.tables
    return table


def systems(board: Leaderboard) -> list[str]:
    return sorted(entry.system for entry in only(board).entries)


def test_two_halves_of_one_system_are_one_system(tmp_path: Path) -> None:
    rows = rows_of(VALUES)
    sets = {"set": {"fingerprint": "f1", "trials": {"FMQ 1:0": 40}, "systems": ["net"]}}
    runs = [run(tmp_path, "a", rows[:20], datasets=sets), run(tmp_path, "b", rows[20:], datasets=sets)]
    board = open_board(runs)
    (entry,) = only(board).entries
    assert (entry.system, entry.rank, entry.n_missing) == ("net", 1, 0)
    assert board.remarks == ()
    (half,) = only(open_board(runs[:1])).entries
    assert (half.rank, half.n_missing) == (None, 20)
    assert "20 trials missing" in half.note


def test_other_weights_without_a_common_trial_are_another_system(tmp_path: Path) -> None:
    rows = rows_of(VALUES)
    runs = [run(tmp_path, "a", rows[:20], {"sha256": "a" * 64}), run(tmp_path, "b", rows[20:], {"sha256": "b" * 64})]
    board = open_board(runs)
    assert systems(board) == ["net (a)", "net (b)"]
    assert all(entry.n_missing == 20 and entry.rank is None for entry in only(board).entries)
    assert board.remarks == (
        "net is shown for each run: its weights differ in a and b (sha256 aaaaaaaaaaaa and bbbbbbbbbbbb)",
    )


def test_other_weights_on_another_set_are_another_system(tmp_path: Path) -> None:
    other = {"other": {"fingerprint": "f2", "systems": ["net"]}}
    runs = [
        run(tmp_path, "a", rows_of(VALUES), {"sha256": "a" * 64}),
        run(tmp_path, "b", rows_of(VALUES, dataset="other"), {"sha256": "b" * 64}, datasets=other),
    ]
    assert open_board(runs).systems == ("net (a)", "net (b)")


def test_other_options_without_a_common_trial_are_another_system(tmp_path: Path) -> None:
    rows = rows_of(VALUES)
    runs = [
        run(tmp_path, "a", rows[:20], {"sha256": "a", "options": {"chunk_s": 1}}),
        run(tmp_path, "b", rows[20:], {"sha256": "a", "options": {"chunk_s": 2}}),
    ]
    board = open_board(runs)
    assert systems(board) == ["net (a)", "net (b)"]
    assert "its options differ in a and b" in board.remarks[0]


def test_common_trials_tell_whether_it_is_one_system(tmp_path: Path) -> None:
    rows = rows_of(VALUES)
    cards = [{"sha256": "a" * 64}, {"sha256": "b" * 64}]
    same = [run(tmp_path / "same", name, rows, card) for name, card in zip("ab", cards, strict=True)]
    assert systems(open_board(same)) == ["net"]
    worse = rows_of([x - 1.0 for x in VALUES])
    runs = [run(tmp_path / "other", "a", rows, cards[0]), run(tmp_path / "other", "b", worse, cards[0])]
    board = open_board(runs)
    assert systems(board) == ["net (a)", "net (b)"]
    assert board.remarks == ("net is shown for each run: its values differ between runs",)


def test_another_build_of_a_set_is_refused(tmp_path: Path) -> None:
    runs = [run(tmp_path, name, rows_of(VALUES), datasets={"set": {"fingerprint": name * 64}}) for name in ("a", "b")]
    with pytest.raises(ConfigError, match="these are different trials; report the two runs"):
        open_board(runs)


def test_remark_on_a_run_without_a_fingerprint(tmp_path: Path) -> None:
    known = run(tmp_path, "a", rows_of(VALUES))
    silent = run(tmp_path, "b", rows_of(VALUES, "other"))
    (silent / "run.json").unlink()
    board = open_board([known, silent])
    assert board.remarks == ("dataset set has no fingerprint in b: its trials are merged by id",)
    assert open_board([silent]).remarks == ()  # nothing is merged


def test_two_signatures_are_two_columns_with_a_remark(tmp_path: Path) -> None:
    runs = [run(tmp_path, "a", rows_of(VALUES)), run(tmp_path, "b", rows_of(VALUES, "other", signature="si_sdri|f32"))]
    board = open_board(runs)
    assert [column.key for column in only(board).columns] == ["si_sdri [1]", "si_sdri [2]"]
    assert board.remarks == ("si_sdri has several signatures, one column for each: si_sdri|f32, si_sdri|f64",)


def test_a_killed_run_has_a_remark_and_no_rank(tmp_path: Path) -> None:
    sets = {"set": {"fingerprint": "f1", "trials": {"FMQ 1:0": 40}, "systems": ["net", "late"]}}
    killed = run(tmp_path, "a", rows_of(VALUES[:30]), trials=None, datasets=sets)
    board = open_board([killed])
    assert board.remarks == ("run a did not finish: systems that lack trials are not ranked",)
    assert [entry.rank for entry in only(board).entries] == [None]
    issues = {(issue.system, issue.status): issue.n_trials for issue in board.issues}
    assert issues == {("net", "missing"): 10, ("late", "missing"): 40}


def test_remark_on_other_versions(tmp_path: Path) -> None:
    versions = {"tsebench": "0.2.0", "torch": "2.5.0"}
    runs = [run(tmp_path, "a", rows_of(VALUES)), run(tmp_path, "b", rows_of(VALUES, "other"), versions=versions)]
    assert open_board(runs).remarks == ("tsebench is 0.1.0 in a and 0.2.0 in b",)


@pytest.mark.parametrize("name", ["console", "html", "md", "json"])
def test_every_format_tells(name: str, tmp_path: Path) -> None:
    versions = {"tsebench": "0.2.0", "torch": "2.5.0"}
    runs = [run(tmp_path, "a", rows_of(VALUES)), run(tmp_path, "b", rows_of(VALUES, "other"), versions=versions)]
    board = open_board(runs)
    if name == "console":
        out = io.StringIO()
        print_leaderboard(board, Console(file=out, width=100, color_system=None))
        text = out.getvalue()
    else:
        written = REPORTS.get(name)(board, tmp_path / "out")
        text = written[0].read_text(encoding="utf-8")
    assert "sebench is 0.1.0 in a and 0.2.0 in b" in text
