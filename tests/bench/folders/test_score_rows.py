"""Rows of scored folders as columns: none is lost, and their file has the bytes that it has from the rows."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.runs import rows_of

from tsebench.bench.folders import score_rows
from tsebench.bench.folders.score_rows import RowColumns, write_rows
from tsebench.bench.rows import write_shard


@pytest.mark.parametrize("gathered", [3, 100])
def test_columns_hold_the_rows_and_give_the_file_of_the_rows(
    gathered: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_rows, "_GATHERED", gathered)
    rows = [
        *rows_of([2.0, -1.5], dataset="files", metric="snr", tags={"nearest": "target"}),
        *rows_of([math.nan], dataset="files", metric="pesq", status="failed", reason="missing", sample=1),
        *rows_of([0.5, 0.25], dataset="files", metric="stoi", tags={"output": "s2"}),
    ]
    columns = RowColumns()
    for row in rows:
        columns.add([row])
    assert list(map(str, columns)) == list(map(str, rows))
    record: Any = SimpleNamespace(run_id=rows[0].run_id)
    write_rows(tmp_path, record, "mine", columns.table())
    write_shard(tmp_path / "rows.parquet", rows)
    (written,) = (tmp_path / "rows").iterdir()
    assert written.read_bytes() == (tmp_path / "rows.parquet").read_bytes()
    assert list(map(str, columns)) == list(map(str, rows))
    record.run_id = "another"
    write_rows(tmp_path, record, "mine", columns.table())
    assert written.read_bytes() != (tmp_path / "rows.parquet").read_bytes()


def test_columns_without_rows_are_a_table_without_rows() -> None:
    table = RowColumns().table()
    assert (table.num_rows, {"trial_id", "value"} <= {*table.column_names}) == (0, True)
