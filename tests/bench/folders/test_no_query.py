"""A scored folder has no query: no report shows a condition of it, also of folders that older releases scored."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from tsebench.bench.folders.score import ScoreOptions, score_folders
from tsebench.bench.rows import SCHEMA, read_rows
from tsebench.bench.statistics.aggregate import aggregate
from tsebench.reports.formats.registry import write_board
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.terminal.print_leaderboard import print_leaderboard

KEYS = [f"u{number}" for number in range(8)]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scored")
    rng = np.random.default_rng(0)
    for key in KEYS:
        reference, noise = 0.1 * rng.standard_normal((2, 4000))
        for folder, samples in (("ref", reference), ("mix", reference + noise), ("est", reference + 0.3 * noise)):
            (root / folder).mkdir(exist_ok=True)
            soundfile.write(str(root / folder / f"{key}.wav"), samples, 8000)
    (root / "est" / "u1.wav").write_bytes(b"")
    options = ScoreOptions(out=root / "run", metrics=("snri",), jobs=0, cache=root / "cache", device="cpu")
    score_folders(estimates=root / "est", references=root / "ref", mixtures=root / "mix", options=options)
    return root / "run"


@pytest.fixture(scope="module")
def former(scored: Path) -> Path:
    """The same run as a release before stored it."""
    run = scored.with_name("former")
    (run / "rows").mkdir(parents=True)
    for path in (scored / "rows").iterdir():
        table = pq.read_table(path)
        for name, value in (("condition", "FMQ"), ("n_active", 1)):
            column = pa.array([value] * len(table), SCHEMA.field(name).type)
            table = table.set_column(table.column_names.index(name), SCHEMA.field(name), column)
        pq.write_table(table, run / "rows" / path.name)
    record = json.loads((scored / "run.json").read_text())
    assert record["datasets"]["files"]["trials"] == {"": 8}
    record["datasets"]["files"]["trials"] = {"FMQ 1:0": 8}
    (run / "run.json").write_text(json.dumps(record))
    return run


def test_rows_have_no_condition(scored: Path, former: Path) -> None:
    rows = read_rows(scored)
    assert set(rows["condition"]) == {""}
    assert set(rows["n_active"]) == set(rows["n_inactive"]) == {0}
    pd.testing.assert_frame_equal(read_rows(former), rows)
    assert list(rows.columns[: len(SCHEMA)]) == SCHEMA.names


def test_draws_are_those_of_the_releases_before(scored: Path) -> None:
    """Of the same rows under the label that they had."""
    rows = read_rows(scored)
    labelled = rows.assign(condition="FMQ", n_active=1)
    for one, other in zip(aggregate(rows), aggregate(labelled), strict=True):
        np.testing.assert_array_equal([one.ci_low, one.ci_high], [other.ci_low, other.ci_high])


@pytest.mark.parametrize("which", ["scored", "former"])
def test_no_report_shows_a_condition(
    which: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tsebench.cli.output import console

    board = open_board([request.getfixturevalue(which)])
    (table,) = board.tables
    assert (table.condition, table.n_trials) == ("", 8)
    assert {issue.condition for issue in board.issues} == {""}
    print_leaderboard(board, console)
    said = capsys.readouterr().out
    assert re.search(r"^ +8 trials", said, re.MULTILINE)
    assert "files: estimates is" not in said  # a failed trial: it has no rank and leads nothing
    assert "  estimates, files: 1 failed: unreadable" in said
    texts = {"terminal": said}
    written = write_board(board, tmp_path, ["html", "md", "csv", "latex", "figures", "json"], {})
    for path in [*written, *tmp_path.rglob("*.html"), *tmp_path.rglob("*.tex"), *tmp_path.rglob("*.md")]:
        if path.suffix in {".html", ".md", ".csv", ".tex"}:
            texts[path.name] = path.read_text()
    texts["names"] = " ".join(path.name for path in tmp_path.rglob("*"))
    for name, text in texts.items():
        assert not re.search(r"FMQ|(?<!\d)1:0(?!\d)|files · *[<,·\n]|files_\.", text), name
    assert "## files\n" in texts["report.md"]
    assert "condition" not in texts["report.md"]
