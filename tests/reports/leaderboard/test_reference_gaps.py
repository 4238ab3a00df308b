"""A metric that does not tell clean references from mixtures: every report says so, because the run measured it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from helpers.runs import facts_of, make_run, rows_of

from tsebench.bench.score_row import ScoreRow
from tsebench.reports.formats.json import read_json
from tsebench.reports.formats.md import board_markdown
from tsebench.reports.formats.registry import REPORTS
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.leaderboard.columns import Column
from tsebench.reports.leaderboard.reference_gaps import caution

TRIALS = 40
NOISE = np.random.default_rng(0).normal(size=(3, TRIALS))
BLIND = 3.0 + 0.3 * NOISE[0]
"""Values that a blind metric gives to mixtures; those of references differ by noise alone."""


Values = tuple[Sequence[float], Sequence[float]]


def board(
    folder: Path,
    values: dict[str, Values],
    *,
    better: bool = True,
    mixture: str = "mixture",
    parts: Mapping[str, str] = MappingProxyType({}),
) -> Leaderboard:
    """Values by metric of mixtures and references; the system "net" has those of the references."""
    rows: list[ScoreRow] = []
    metrics = {}
    for metric, (mixtures, references) in values.items():
        named = f"{metric}_reference"
        for system, own in ((mixture, mixtures), ("net", references)):
            rows += rows_of(list(own), system, metric=metric, signature=f"{metric}|x")
            rows += rows_of(list(references), system, metric=named, signature=f"{named}|{metric}|x")
        for name, reference_value in ((metric, named), (named, None)):
            facts = {"name": name, "unit": "MOS", "higher_is_better": better, "part_of": parts.get(name)}
            metrics[name] = {**facts, "reference_value": reference_value}
    return open_board([make_run(folder / "run", rows, facts_of(("net", mixture), metrics=metrics))])


def column(found: Leaderboard, key: str) -> Column:
    (column,) = (each for each in found.tables[0].columns if each.key == key)
    return column


@pytest.fixture
def both(tmp_path: Path) -> Leaderboard:
    """A metric that cannot tell clean from mixed, and one that can."""
    return board(tmp_path, {"blind": (BLIND, BLIND + 0.1 * NOISE[1]), "sharp": (BLIND, BLIND + 1.0 + 0.1 * NOISE[1])})


def test_a_blind_metric_is_named_and_a_sharp_one_is_not(both: Leaderboard) -> None:
    blind, sharp = column(both, "blind"), column(both, "sharp")
    assert blind.reference_gap is not None
    assert sharp.reference_gap is not None
    assert blind.reference_gap.mean == pytest.approx(0.1 * NOISE[1].mean())
    assert sharp.reference_gap.mean == pytest.approx(1.0 + 0.1 * NOISE[1].mean())
    assert (blind.reference_gap.n, blind.reference_gap.n_clusters) == (TRIALS, TRIALS // 2)
    assert blind.reference_gap.ci_low < 0.0 < blind.reference_gap.ci_high
    assert (blind.reference_gap.told_apart, sharp.reference_gap.told_apart) == (False, True)
    assert caution(blind).startswith("does not tell clean references from mixtures: references − mixtures ")
    assert caution(sharp) == ""
    (remark,) = (remark for remark in both.remarks if "caution" in remark)
    assert remark.startswith("caution, set · FMQ 1:0: blind does not tell clean references from mixtures")
    assert f"on {TRIALS} trials" in remark


def test_no_system_is_the_best_by_a_blind_metric(both: Leaderboard) -> None:
    assert column(both, "blind").best == ()
    assert column(both, "sharp").best == ("net",)


def test_every_format_says_it(both: Leaderboard, tmp_path: Path) -> None:
    for name in ("html", "json", "latex"):
        REPORTS.get(name)(both, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count(f'title="{caution(column(both, "blind"))}">caution</small>') == 2  # systems
    assert "Caution, set · FMQ 1:0: blind does not tell" in page
    stored = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    gaps = {each["key"]: each["reference_gap"] for each in stored["tables"][0]["columns"]}
    assert gaps["blind"]["told_apart"] is False
    assert gaps["sharp"]["told_apart"] is True
    assert gaps["blind_reference"] is None
    assert [remark for remark in stored["remarks"] if remark.startswith("caution")]
    assert read_json(tmp_path / "out" / "leaderboard.json").tables == both.tables
    text = board_markdown(both)
    assert text.count("caution, set") == 1
    assert text.count("(caution)") == 2
    tables = "".join(path.read_text() for path in (tmp_path / "out" / "latex").glob("table_*.tex"))
    assert "does not tell clean references from mixtures" in tables


def test_a_metric_that_prefers_mixtures_tells_nothing_either(tmp_path: Path) -> None:
    found = column(board(tmp_path, {"wrong": (BLIND + 1.0, BLIND)}), "wrong")
    assert found.reference_gap is not None
    assert found.reference_gap.told_apart is False


@pytest.mark.parametrize(("references", "told"), [(BLIND - 1.0, True), (BLIND + 1.0, False)])
def test_where_lower_is_better_references_must_be_lower(references: np.ndarray, told: bool, tmp_path: Path) -> None:
    found = column(board(tmp_path, {"errors": (BLIND + 0.1 * NOISE[2], references)}, better=False), "errors")
    assert found.reference_gap is not None
    assert found.reference_gap.told_apart is told


def test_without_the_mixture_in_the_run_nothing_is_said(tmp_path: Path) -> None:
    found = board(tmp_path, {"blind": (BLIND, BLIND)}, mixture="other")
    assert column(found, "blind").reference_gap is None
    assert not [remark for remark in found.remarks if "caution" in remark]


def test_one_mixture_alone_says_nothing(tmp_path: Path) -> None:
    found = column(board(tmp_path, {"blind": ([3.0, 3.1], [3.0, 3.1])}), "blind")
    assert found.reference_gap is not None
    assert (found.reference_gap.n_clusters, found.reference_gap.told_apart) == (1, None)
    assert caution(found) == ""


def test_parts_of_a_metric_are_measured_too(tmp_path: Path) -> None:
    values = {"whole": (BLIND, BLIND + 1.0), "whole_part": (BLIND, BLIND)}
    found = board(tmp_path, values, parts={"whole_part": "whole", "whole_part_reference": "whole"})
    (table,) = found.tables
    gaps = {part.key: part.reference_gap for part in table.parts}
    assert gaps["whole_part"] is not None
    assert gaps["whole_part"].told_apart is False
    assert [remark for remark in found.remarks if "whole_part does not tell" in remark]
