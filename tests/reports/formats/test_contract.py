"""Contract of every registered report; a new one needs no entry here."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tsebench.bench.rows import read_rows, write_shard
from tsebench.bench.score_row import ScoreRow
from tsebench.reports.formats.registry import REPORTS
from tsebench.reports.leaderboard.assemble import rank_rows as leaderboard
from tsebench.reports.leaderboard.board import Leaderboard

BINARY = {".pdf", ".png", ".parquet"}
DATA = {".csv", ".json", ".parquet"}  # where markup is nothing but text
SYSTEMS = ("good_net", "<b>bad</b>|net", "mixture")


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    """Three systems, one with a name that is markup, one with a failed trial."""
    rows = [
        ScoreRow(
            run_id="r",
            system=system,
            dataset="set",
            trial_id=f"t{trial}",
            mixture_id=f"m{trial}",
            condition="FMQ",
            n_active=1,
            n_inactive=0,
            cluster=f"m{trial}",
            metric="snri",
            signature="snri|snr|f64",
            value=float("nan") if (lost := place == 1 and trial == 0) else 6.25 - 3 * place,
            status="failed" if lost else "ok",
            reason="length" if lost else "",
        )
        for place, system in enumerate(SYSTEMS)
        for trial in range(4)
    ]
    write_shard(tmp_path / "run" / "rows" / "part-0.parquet", rows)
    return leaderboard(read_rows(tmp_path / "run"), resamples=50)


def shown(path: Path) -> str:
    """Text of a file; of a Parquet file, that of its metadata."""
    if path.suffix == ".parquet":
        return "\n".join(value.decode() for value in pq.read_schema(path).metadata.values())
    return "" if path.suffix in BINARY else path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REPORTS.names())
def test_tells_every_system_and_loses_nothing(name: str, board: Leaderboard, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report"
    written = REPORTS.get(name)(board, out)
    assert written
    assert all(path.is_file() and path.is_relative_to(out) for path in written)
    text = "\n".join(shown(path) for path in written)
    assert "good" in text
    assert "6.25" in text
    assert "length" in text or name == "csv"  # a table of numbers counts what failed
    marked_up = [path for path in written if path.suffix not in DATA]
    assert not any("<b>bad</b>" in shown(path) for path in marked_up)


@pytest.mark.parametrize("name", REPORTS.names())
def test_the_same_board_gives_the_same_bytes(name: str, board: Leaderboard, tmp_path: Path) -> None:
    first = REPORTS.get(name)(board, tmp_path / "a")
    second = REPORTS.get(name)(board, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
