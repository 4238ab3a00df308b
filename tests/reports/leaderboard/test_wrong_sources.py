"""The remark on systems that often give another source: its threshold, whom it spares, and the cause that it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from helpers.runs import facts_of, make_run, rows_of

from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.wrong_sources import LEAST, SHARE

EXTERNAL = {"family": "external", "card": {"options": {}}}
ASSIGNED = {"family": "external", "card": {"options": {"permutation": "si_sdr", "reordered": "1 of 2 mixtures"}}}


def remarks_of(
    folder: Path, nearest: list[str | None], system: Mapping[str, object] | None = None, **facts: object
) -> list[str]:
    """Remarks of a run of one system whose estimates are nearest to these sources."""
    rows = [
        row
        for metric in ("si_sdri", "snri")  # the tag is on each row; a trial counts once
        for row in rows_of(
            [1.0] * len(nearest),
            metric=metric,
            signature=metric,
            tags=[{} if each is None else {"nearest": each} for each in nearest],
        )
    ]
    known = facts_of(("net",), **facts)
    if system is not None:
        known["systems"] = {"net": system}
    board = open_board([make_run(folder, rows, known)])
    return [remark for remark in board.remarks if remark.startswith("wrong source")]


def test_the_threshold(tmp_path: Path) -> None:
    """30 % of the trials that have another source, and two of them."""
    assert (SHARE, LEAST) == (0.3, 2)
    for place, (wrong, right, unknown, remarked) in enumerate(
        [(3, 7, 0, True), (2, 5, 0, False), (1, 1, 0, False), (2, 0, 0, True), (6, 14, 30, True), (6, 15, 0, False)]
    ):
        nearest = ["other"] * wrong + ["target"] * right + [None] * unknown
        found = remarks_of(tmp_path / str(place), nearest)
        assert bool(found) == remarked, (wrong, right)
        if remarked:
            (line,) = found
            assert line.startswith(f"wrong source in {wrong} of {wrong + right} FMQ trials (")
            assert "of net on set: the estimate is nearer to another source of the mixture than to the target" in line


def test_queries_of_inactive_classes_do_not_count(tmp_path: Path) -> None:
    """A system that is asked for what is not there, too, may well give another source."""
    tags = [{"nearest": "other"}] * 8
    conditions = ["FMQ"] + ["PMQ"] * 7
    rows = rows_of([1.0] * 8, tags=tags, condition=conditions, n_inactive=[0] + [1] * 7)
    assert not any(remark.startswith("wrong") for remark in open_board([make_run(tmp_path, rows)]).remarks)


def test_rows_without_the_tag_have_no_remark(tmp_path: Path) -> None:
    """As those of releases before."""
    assert remarks_of(tmp_path, [None] * 8) == []


@pytest.mark.parametrize(
    ("system", "remarked"),
    [
        ({"family": "discriminative"}, True),
        (EXTERNAL, True),
        ({"family": "baseline"}, False),
        ({"family": "oracle", "privileged": True}, False),
    ],
)
def test_baselines_and_oracles_are_spared(system: Mapping[str, object], remarked: bool, tmp_path: Path) -> None:
    assert bool(remarks_of(tmp_path, ["other"] * 8, system)) == remarked


def test_the_cause_that_is_named(tmp_path: Path) -> None:
    nearest: list[str | None] = ["other"] * 8
    (of_run,) = remarks_of(tmp_path / "run", nearest, EXTERNAL)
    assert of_run.endswith("it extracts the wrong source, or changes the mixture little")
    (of_files,) = remarks_of(tmp_path / "files", nearest, EXTERNAL, config=None)
    assert "outputs of a separator have no order, and --permutation si_sdr assigns them" in of_files
    (assigned,) = remarks_of(tmp_path / "assigned", nearest, ASSIGNED, config=None)
    assert "the best assignment is taken already" in assigned


def test_the_tag_is_no_slice(tmp_path: Path) -> None:
    from tsebench.reports.slices.slices import known_dimensions

    rows = rows_of([1.0] * 4, tags=[{"nearest": each, "output": "s1", "room": "a"} for each in ("other", "target") * 2])
    board = open_board([make_run(tmp_path, rows)])
    assert [dimension.name for dimension in known_dimensions(board.rows)] == ["room"]
