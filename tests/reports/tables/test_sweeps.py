"""Sweeps in reports: known curves, paired differences, and a page of their own."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import facts_of, make_run, rows_of

from tsebench.bench.score_row import ScoreRow
from tsebench.datasets.facts import LevelCard
from tsebench.reports.figures.registry import LeftOut, Plot
from tsebench.reports.figures.shared.style import styled
from tsebench.reports.figures.sweep import sweep as figure
from tsebench.reports.formats.md import board_markdown
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.leaderboard.document import from_json, to_json
from tsebench.reports.site.sweeps_page import SWEEPS, write_sweeps
from tsebench.reports.tables.enrollments import spread_of
from tsebench.reports.tables.sweep_tables import all_sweep_tables
from tsebench.reports.tables.sweeps import sweeps

N = 24
EVIL = "<b>evil</b>"


def card(level: str, place: int, sweep: str = "opus", degradation: str = "opus", unit: str = "kbit/s") -> LevelCard:
    return LevelCard(
        plain="set",
        fingerprint="f1",
        sweep=sweep,
        degradation=degradation,
        level=level,
        value=float(level),
        place=place,
        title="bit rate",
        unit=unit,
    )


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """The net loses 1 dB at 24 kbit/s and 3 dB at 6, with a spread by trial; other enrollments give ±2 dB."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    base = 8.0 + rng.normal(size=N)
    noise = 0.1 * rng.normal(size=N)
    levels = {
        "set.opus.24": (base - 1.0 + noise, card("24", 1)),
        "set.opus.6": (base - 3.0 - noise, card("6", 2)),
        "set.other.1": (base - 2.0, card("1", 1, "other", "other_enrollment", "")),
        "set.other.2": (base + 2.0, card("2", 2, "other", "other_enrollment", "")),
    }
    rows: list[ScoreRow] = []
    for name, values in {"set": base, **{name: found for name, (found, _) in levels.items()}}.items():
        kept = values[:-2] if name == "set.opus.6" else values
        rows += rows_of([float(value) for value in kept], "net", dataset=name)
        rows += rows_of([1.0] * len(kept), EVIL, dataset=name)
        rows += rows_of([0.0] * len(kept), "mixture", dataset=name)
    facts = facts_of(["net", EVIL, "mixture"])
    sets = {"set": {"fingerprint": "f1", "systems": ["net", EVIL]}}
    for name, (_, place) in levels.items():
        sets[name] = {"fingerprint": name, "systems": ["net", EVIL], "level": asdict(place)}  # type: ignore[dict-item]
    make_run(folder, rows, {**facts, "datasets": sets})
    return open_board([folder])


def test_levels_are_no_tables_of_the_leaderboard(board: Leaderboard) -> None:
    assert board.datasets == ("set",)
    assert {table.dataset for table in board.level_tables} == {
        "set.opus.24",
        "set.opus.6",
        "set.other.1",
        "set.other.2",
    }
    assert set(board.to_frame()["dataset"]) == {"set", *(table.dataset for table in board.level_tables)}
    read = from_json(to_json(board), where="board")
    assert [table.dataset for table in read.level_tables] == [table.dataset for table in board.level_tables]
    assert json.loads(to_json(board))["runs"][0]["datasets"]["set.opus.6"]["level"]["value"] == 6.0


def test_differences_are_paired_with_the_plain_set(board: Leaderboard) -> None:
    opus = next(each for each in sweeps(board) if each.name == "opus")
    assert opus.levels == ("none", "24", "6")
    assert opus.axis == "bit rate [kbit/s]"
    curve = next(curve for curve in opus.curves if curve.system == "net")
    assert curve.differences[0] is None
    mild, hard = curve.differences[1:]
    assert mild is not None
    assert hard is not None
    assert mild.n == N
    assert hard.n == N - 2, "trials that the level does not have are left out of both"
    assert mild.mean == pytest.approx(-1.0, abs=0.1)
    assert hard.mean == pytest.approx(-3.0, abs=0.1)
    assert mild.ci_low < mild.mean < mild.ci_high < -0.8, "paired: far narrower than the spread of the trials"
    assert mild.significant
    assert mild.p_adjusted == pytest.approx(2 * mild.p_value), "Holm over the two levels"


def test_a_level_without_its_plain_set_is_a_table(board: Leaderboard, tmp_path: Path) -> None:
    facts = {**facts_of(["net"]), "datasets": {"set.opus.6": {"fingerprint": "x", "level": asdict(card("6", 1))}}}
    alone = open_board([make_run(tmp_path, rows_of([1.0, 2.0], "net", dataset="set.opus.6"), facts)])
    assert alone.datasets == ("set.opus.6",)
    assert not alone.level_tables
    assert not sweeps(alone)
    assert not write_sweeps(alone, tmp_path)
    assert [type(each) for each in figure(alone)] == [LeftOut]
    rows = [*rows_of([1.0, 2.0], "net", dataset="set.opus.6"), *rows_of([3.0, 4.0], "net", dataset="set")]
    without_facts = open_board([make_run(tmp_path / "both", rows, facts)])
    assert without_facts.datasets == ("set", "set.opus.6")


def test_spread_over_enrollments(board: Leaderboard) -> None:
    shown = next(each for each in sweeps(board) if each.name == "other")
    spread = spread_of(board, shown, "net")
    assert spread is not None
    assert (spread.n_enrollments, spread.n) == (3, N)
    assert spread.within_sd.value == pytest.approx(2.0)
    assert spread.mean.value - spread.worst.value == pytest.approx(2.0)


def test_tables_page_and_figures(board: Leaderboard, tmp_path: Path) -> None:
    tables = all_sweep_tables(board)
    assert [table.name for table in tables] == [
        *("set_FMQ-1-0_opus_si_sdri", "set_FMQ-1-0_other_spread", "set_FMQ-1-0_other_si_sdri")
    ]
    text = board_markdown(board)
    assert "other: several enrollments for each trial of set FMQ 1:0" in text
    assert "EVIL" not in text
    (page,) = write_sweeps(board, tmp_path)
    assert page.name == SWEEPS
    content = page.read_text(encoding="utf-8")
    assert EVIL not in content
    assert "&lt;b&gt;evil" in content
    assert content.count("<polyline") == 2 * 4, "the plain set is a point of its own"
    plots = list(figure(board))
    assert [type(plot).__name__ for plot in plots] == ["Plot", "Plot"]
    assert isinstance(plots[0], Plot)
    assert list(plots[0].data["level"]) == ["none", "24", "6"] * 2
    with styled():
        marks = plots[0].draw().axes[0].containers
    assert [[round(x) for x in each[0].get_xdata()] for each in marks] == [[0], [1, 2]] * 2, "as on the page"


def test_a_board_of_a_file_has_curves_without_differences(board: Leaderboard) -> None:
    read = from_json(to_json(board), where="board")
    (found, expected) = (next(each for each in sweeps(of) if each.name == "opus") for of in (read, board))
    assert [curve.cells for curve in found.curves] == [curve.cells for curve in expected.curves]
    assert not any(any(curve.differences) for curve in found.curves)
    assert [table.name for table in all_sweep_tables(read)] == [
        *("set_FMQ-1-0_opus_si_sdri", "set_FMQ-1-0_other_si_sdri")
    ]
    assert "opus: " in board_markdown(read)
