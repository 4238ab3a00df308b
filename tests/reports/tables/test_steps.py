"""Cost against steps: which systems belong together, and the figure, the table and the page that show it."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.runs import facts_of, make_run, rows_of

from tsebench.reports.figures.registry import LeftOut, Plot
from tsebench.reports.figures.shared.style import rendered, styled
from tsebench.reports.figures.steps import steps
from tsebench.reports.formats.latex import write_latex
from tsebench.reports.formats.md import board_markdown
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.site.charts.steps import step_panels
from tsebench.reports.site.site import render
from tsebench.reports.tables.steps import step_series, step_tables

QUALITY = {1: 2.0, 4: 6.0, 16: 8.0}


def facts(count: int, *, rtf: float | None = None, **options: object) -> dict[str, object]:
    card = {
        "name": "flow",
        "sha256": "w",
        "options": {"sampler": "euler", "steps": count, "evaluations": count, **options},
    }
    return {"family": "generative", "card": card, "cost": {"rtf": rtf or 0.01 * count}}


def board_of(folder: Path, systems: dict[str, dict[str, object]], values: dict[str, float]) -> Leaderboard:
    rows = [
        row
        for name, value in values.items()
        for metric, factor in (("si_sdri", 1.0), ("estoi", 0.1))
        for row in rows_of([factor * (value + 0.1 * (k % 5)) for k in range(20)], name, metric=metric, signature=metric)
    ]
    return open_board([make_run(folder, rows, {**facts_of(systems), "systems": systems})])


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    systems = {f"flow_{count}": facts(count) for count in QUALITY}
    systems |= {"mask": {"family": "discriminative", "card": {"options": {}}}, "mixture": {"family": "baseline"}}
    values = {**{f"flow_{count}": value for count, value in QUALITY.items()}, "mask": 5.0, "mixture": 0.0}
    return board_of(tmp_path / "run", systems, values)


def test_systems_that_differ_in_steps_alone_are_a_series(board: Leaderboard) -> None:
    (table,) = board.tables
    (series,) = step_series(table)
    assert series.name == "flow"
    assert [(count, entry.system) for count, entry in series.points] == [
        (count, f"flow_{count}") for count in (1, 4, 16)
    ]


@pytest.mark.parametrize(
    ("changes", "expected"), [({"sampler": "heun"}, 0), ({"ensemble": 4}, 0), ({"evaluations": 8}, 1), ({}, 1)]
)
def test_another_option_is_another_system(tmp_path: Path, changes: dict[str, object], expected: int) -> None:
    systems = {"a": facts(1), "b": facts(4, **changes)}
    (table,) = board_of(tmp_path / "run", systems, {"a": 1.0, "b": 2.0}).tables
    assert len(step_series(table)) == expected


def test_other_weights_are_another_system(tmp_path: Path) -> None:
    other = facts(4)
    other["card"] = {**other["card"], "sha256": "v"}  # type: ignore[dict-item]
    (table,) = board_of(tmp_path / "run", {"a": facts(1), "b": other}, {"a": 1.0, "b": 2.0}).tables
    assert step_series(table) == []


def test_one_number_of_evaluations_is_no_series(tmp_path: Path) -> None:
    board = board_of(tmp_path / "run", {"a": facts(4), "b": facts(4)}, {"a": 1.0, "b": 2.0})
    assert step_tables(board) == {}
    (left,) = steps(board)
    assert isinstance(left, LeftOut)
    assert "Cost against steps" not in render(board)


def test_the_figure_plots_means_and_real_time_factors(board: Leaderboard) -> None:
    (plot,) = steps(board)
    assert isinstance(plot, Plot)
    data = plot.data.set_index(["metric", "evaluations"])["mean"]
    assert data["si_sdri"].to_dict() == pytest.approx({count: value + 0.2 for count, value in QUALITY.items()})
    assert data["rtf"].to_dict() == {1: 0.01, 4: 0.04, 16: 0.16}
    assert "Level lines: mixture, mask" in plot.caption
    with styled():
        drawn = plot.draw()
        labels = [axes.get_ylabel() for axes in drawn.axes if axes.axison]
        assert rendered(drawn, "png")
    assert labels == ["SI-SDRi [dB]", "ESTOI", "real-time factor"]


def test_the_page_has_panels_and_the_numbers(board: Leaderboard) -> None:
    (table,) = board.tables
    quality, intelligible, cost = step_panels(table)
    assert [panel.heading for panel in (quality, intelligible, cost)] == ["si_sdri", "estoi", "real-time factor"]
    series = quality.lines[0]
    assert [line.system for line in quality.lines] == ["flow", "mixture", "mask"]
    assert [line.level for line in quality.lines] == [False, True, True]
    assert series.dots[0].x < series.dots[1].x < series.dots[2].x
    assert series.dots[1].x - series.dots[0].x == pytest.approx(series.dots[2].x - series.dots[1].x)  # 1, 4, 16
    assert series.dots[0].y > series.dots[1].y > series.dots[2].y  # better is higher, and SVG counts downwards
    assert cost.lines[0].dots[0].y > cost.lines[0].dots[2].y
    page = render(board)
    assert "Cost against steps" in page
    assert "flow_4, 4 evaluations: 6.20 dB" in page


def test_tables_have_them_too(board: Leaderboard, tmp_path: Path) -> None:
    assert "| flow | flow\\_16 | 16 | 0.16 |" in board_markdown(board)
    paths = write_latex(board, tmp_path / "report")
    assert "table_set_FMQ-1-0_steps.tex" in {path.name for path in paths}


def test_the_figure_shows_costs_where_no_metric_has_a_direction(tmp_path: Path) -> None:
    systems = {"a": facts(1), "b": facts(4)}
    rows = [row for name in systems for row in rows_of([1.0, 2.0], name, metric="own", signature="own")]
    metrics = {"own": {"name": "own", "unit": "", "higher_is_better": None}}
    run = make_run(tmp_path / "run", rows, {**facts_of(systems, metrics=metrics), "systems": systems})
    (plot,) = steps(open_board([run]))
    assert isinstance(plot, Plot)
    with styled():
        drawn = plot.draw()
        assert [axes.get_ylabel() for axes in drawn.axes if axes.axison] == ["real-time factor"]
