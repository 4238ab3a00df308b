"""Systems whose phase a vocoder made: sample-exact metrics are shown, and never rank them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from helpers.runs import facts_of, make_run, rows_of
from rich.console import Console

from tsebench.bench.metrics.registry import METRICS, metric_info
from tsebench.reports.figures.cost import cost
from tsebench.reports.figures.registry import Plot
from tsebench.reports.formats.md import board_markdown
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard, Table
from tsebench.reports.leaderboard.ranking import tie_groups
from tsebench.reports.site.charts.pareto import charts
from tsebench.reports.site.site import render
from tsebench.reports.tables.board_tables import print_table
from tsebench.reports.terminal.print_leaderboard import print_leaderboard

EXACT = ["snr", "snri", "si_sdr", "si_sdri", "sdr", "sdri", "sd_sdr", "sd_sdri", "wrong_target_rate"]
EXACT += [
    f"binaural_{ratio}{side}" for ratio in ("snr", "snri", "si_sdr", "si_sdri") for side in ("", "_left", "_right")
]
EXACT += ["ca_sdri", "capi_sdri", "casa_sdr", "casa_sdri", "log_wmse"]
VALUES = {  # si_sdri, estoi
    "mixture": (0.0, 1.5),
    "mask": (8.0, 2.5),
    "older": (6.0, 2.0),
    "vocoded": (-20.0, 3.5),
}
REASON = "not ranked: its phase is generated, and SI-SDRi compares waveforms sample by sample"


def board_of(folder: Path, *systems: str, **facts: object) -> Leaderboard:
    rows = [
        row
        for name in systems
        for metric, value in zip(("si_sdri", "estoi"), VALUES[name], strict=True)
        for row in rows_of([value + 0.01 * (k % 7) for k in range(20)], name, metric=metric, signature=metric)
    ]
    known = {
        name: {
            "family": "baseline" if name == "mixture" else "generative",
            "card": {"phase": "generated" if name == "vocoded" else "kept"},
            "cost": {"rtf": 0.1 * (1 + place)},
        }
        for place, name in enumerate(systems)
    }
    return open_board([make_run(folder, rows, {**facts_of(systems), "systems": known, **facts})])


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return board_of(tmp_path / "run", *VALUES)


def ranks(table: Table) -> dict[str, int | None]:
    return {entry.system: entry.rank for entry in table.entries}


def test_which_metrics_need_the_phase() -> None:
    found = {info.name for name in METRICS.names() for info in metric_info(name).family() if info.needs_phase}
    assert found == set(EXACT)


def test_a_generated_phase_has_no_rank_by_a_sample_exact_metric(board: Leaderboard) -> None:
    (table,) = board.tables
    assert table.primary_key == "si_sdri"
    assert ranks(table) == {"mask": 1, "older": 2, "mixture": None, "vocoded": None}
    entry = table.entry("vocoded")
    assert entry is not None
    assert (entry.note, entry.by_kind, entry.gap) == (REASON, False, None)
    assert (table.leader, table.rival) == ("mask", "older")
    cell = entry.cells[0]
    assert cell is not None
    assert cell.mean == pytest.approx(-20.0, abs=0.1)  # it is shown


def test_other_columns_rank_it_in_the_same_table(board: Leaderboard) -> None:
    (table,) = board.tables
    exact, quality = (next(i for i, c in enumerate(table.columns) if c.key == key) for key in ("si_sdri", "estoi"))
    assert tie_groups(board, table, exact) == {"mask": 1, "older": 2}
    assert tie_groups(board, table, quality) == {"vocoded": 1, "mask": 2, "older": 3}
    assert [table.columns[i].best for i in (exact, quality)] == [("mask",), ("vocoded",)]


def test_a_metric_that_needs_no_phase_ranks_it(tmp_path: Path) -> None:
    config = {"bootstrap": {"resamples": 200}, "rank_by": "estoi"}
    (table,) = board_of(tmp_path / "run", *VALUES, config=config).tables
    assert ranks(table) == {"vocoded": 1, "mask": 2, "older": 3, "mixture": None}


def test_rank_by_a_sample_exact_metric_leaves_it_out(tmp_path: Path) -> None:
    config = {"bootstrap": {"resamples": 200}, "rank_by": "si_sdri"}
    (table,) = board_of(tmp_path / "run", "mixture", "vocoded", config=config).tables
    assert ranks(table) == {"mixture": None, "vocoded": None}
    assert table.leader is None


def test_alone_with_baselines_it_is_ranked_by_what_can(tmp_path: Path) -> None:
    (table,) = board_of(tmp_path / "run", "mixture", "vocoded").tables
    assert table.primary_key == "estoi"
    assert ranks(table) == {"vocoded": 1, "mixture": None}


def test_fronts_do_not_hold_it(board: Leaderboard) -> None:
    (chart,) = charts(board, "set")
    assert {point.entry.system: point.best for point in chart.points} == {
        "mask": True,
        "older": False,
        "vocoded": False,
    }
    (plot,) = (found for found in cost(board) if isinstance(found, Plot))
    plot.draw()


def test_every_page_says_why(board: Leaderboard) -> None:
    (table,) = board.tables
    stream = io.StringIO()
    print_leaderboard(board, Console(file=stream, width=400))
    printed = " ".join(note.text for note in print_table(board, table).notes)
    for text in (stream.getvalue(), board_markdown(board), render(board), printed):
        flat = " ".join(text.replace("\\", "").split())
        assert REASON in flat
        assert "compare waveforms sample by sample; they are shown and do not rank" in flat
    assert "not compared" in render(board)
