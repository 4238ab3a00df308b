"""Shards of score rows: whole or not at all, and nothing lost or changed on the way."""

from __future__ import annotations

import errno
import math
import os
import random
import resource
import signal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.runs import rows_of

from tsebench.bench import rows
from tsebench.bench.rows import SCHEMA, read_rows, read_shard, write_shard
from tsebench.bench.score_row import ScoreRow
from tsebench.core.errors import ConfigError, DatasetError, OutputError


@pytest.fixture(autouse=True, params=[rows._LARGE, 0], ids=["small", "large"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read as small ones are, and as large ones."""
    monkeypatch.setattr(rows, "_LARGE", request.param)


def row(trial: str = "t1", **changes: object) -> ScoreRow:
    facts: dict[str, object] = {
        "run_id": "run",
        "system": "mixture",
        "dataset": "mini",
        "trial_id": trial,
        "mixture_id": "m1",
        "condition": "PMQ",
        "n_inactive": 3,
        "cluster": "m1",
        "metric": "snr",
        "signature": "snr|f64",
        "tags": {"scene": "street", "snr_db": -2.5, "overlap": True},
    }
    return rows_of([1.25], **{**facts, **changes})[0]  # type: ignore[arg-type]


def shard(folder: Path, number: int = 0) -> Path:
    return folder / "rows" / f"part-{number:04d}.parquet"


def test_round_trip_keeps_every_field(tmp_path: Path) -> None:
    failed = row("t2", value=math.nan, status="failed", reason="non_finite", tags={})
    write_shard(shard(tmp_path), [row(), failed])
    frame = read_shard(shard(tmp_path))
    assert list(frame.columns) == [*SCHEMA.names, "tag_overlap", "tag_scene", "tag_snr_db"]
    first, second = frame.to_dict("records")
    assert {name: first[name] for name in SCHEMA.names} == {name: getattr(row(), name) for name in SCHEMA.names}
    assert (first["tag_scene"], first["tag_snr_db"], first["tag_overlap"]) == ("street", "-2.5", "True")
    assert second["status"] == "failed"
    assert second["reason"] == "non_finite"
    assert math.isnan(second["value"])
    assert pd.isna(second["tag_scene"])


@pytest.mark.parametrize(("value", "status"), [(math.nan, "ok"), (0.0, "failed")])
def test_value_and_status_must_fit(value: float, status: str) -> None:
    with pytest.raises(ValueError, match="mixture/t1/snr"):
        row(value=value, status=status)


def test_infinite_value_is_a_value(tmp_path: Path) -> None:
    write_shard(shard(tmp_path), [row(value=math.inf)])
    assert read_rows(tmp_path)["value"].tolist() == [math.inf]


def test_bytes_do_not_depend_on_the_order(tmp_path: Path) -> None:
    rows = [row(f"t{i}", metric=metric) for i in range(20) for metric in ("snr", "si_sdr")]
    write_shard(shard(tmp_path, 0), rows)
    write_shard(shard(tmp_path, 1), random.Random(3).sample(rows, len(rows)))
    assert shard(tmp_path, 0).read_bytes() == shard(tmp_path, 1).read_bytes()


def test_union_of_tags_and_stable_order(tmp_path: Path) -> None:
    write_shard(shard(tmp_path / "b", 1), [row("t2", system="z", tags={"beta": 1})])
    write_shard(shard(tmp_path / "b", 0), [row("t1", system="a", tags={"alpha": "x"})])
    write_shard(shard(tmp_path / "a"), [row("t9", system="m", run_id="other", tags={})])
    frame = read_rows([tmp_path / "b", str(tmp_path / "a")])
    assert list(frame.columns)[-2:] == ["tag_alpha", "tag_beta"]
    assert frame["system"].tolist() == ["a", "m", "z"]
    assert frame["tag_beta"].isna().tolist() == [True, True, False]
    pd.testing.assert_frame_equal(frame, read_rows([tmp_path / "a", tmp_path / "b"]))


def test_equal_rows_are_given_once_and_different_ones_refused(tmp_path: Path) -> None:
    write_shard(shard(tmp_path, 0), [row(), row("t2")])
    write_shard(shard(tmp_path, 1), [row()])
    assert read_rows(tmp_path)["trial_id"].tolist() == ["t1", "t2"]
    write_shard(shard(tmp_path, 2), [row(value=7.0)])
    with pytest.raises(DatasetError, match="mixture/mini/t1/snr"):
        read_rows(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_half_written_shard_is_named(tmp_path: Path, keep: float) -> None:
    write_shard(shard(tmp_path), [row()])
    whole = shard(tmp_path).read_bytes()
    size = int(keep * len(whole)) if keep < 1 else int(keep)
    shard(tmp_path).write_bytes(whole[:size])
    with pytest.raises(DatasetError, match=r"part-0000\.parquet' is damaged"):
        read_rows(tmp_path)


def test_a_parquet_file_of_something_else_is_refused(tmp_path: Path) -> None:
    shard(tmp_path).parent.mkdir()
    pd.DataFrame({"system": ["a"], "value": [1.0]}).to_parquet(shard(tmp_path))
    with pytest.raises(DatasetError, match=r"not a file of score rows.*trial_id"):
        read_rows(tmp_path)


def test_leftovers_are_ignored(tmp_path: Path) -> None:
    write_shard(shard(tmp_path), [row()])
    for name in ("part-0001.parquet.part", ".part-0002.parquet.part"):
        (tmp_path / "rows" / name).write_bytes(b"half")
    assert len(read_rows(tmp_path)) == 1


def test_folders_without_rows(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_rows(tmp_path / "none")
    with pytest.raises(ConfigError, match="holds no score rows"):
        read_rows(tmp_path)
    with pytest.raises(ConfigError, match="no run folder"):
        read_rows([])


@pytest.mark.parametrize(("column", "value"), [("trial_id", None), ("value", "loud")])
def test_a_shard_with_holes_or_other_types_is_named(tmp_path: Path, column: str, value: object) -> None:
    path = tmp_path / "rows" / "part-0.parquet"
    write_shard(path, [row()])
    frame = pd.read_parquet(path)
    frame[column] = [value]
    frame.to_parquet(path)
    with pytest.raises(DatasetError, match=r"part-0\.parquet.*not a file of score rows"):
        read_rows(tmp_path)


_OFFSETS = pa.array([0, 1], pa.int32()).buffers()[1]
NO_TEXT = pa.Array.from_buffers(pa.string(), 1, [None, _OFFSETS, pa.py_buffer(b"\xff")])


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("status", pa.array(["true"])),
        ("status", pa.array(["failed"])),
        ("condition", pa.array(["XXX"])),
        ("n_active", pa.array([-1])),
        ("weight", pa.array([float("nan")])),
        ("value", pa.array([float("nan")])),
        ("trial_id", NO_TEXT),
        ("system", pa.array([{"a": 1}])),
        ("dataset", pa.array([b"\xff"])),
    ],
)
def test_a_shard_with_values_that_no_row_has_is_named(tmp_path: Path, column: str, values: pa.Array) -> None:
    path = tmp_path / "rows" / "part-0.parquet"
    write_shard(path, [row()])
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(column), column, values), path)
    with pytest.raises(DatasetError, match=r"part-0\.parquet.*not a file of score rows"):
        read_rows(tmp_path)


def test_shards_without_rows_are_no_run(tmp_path: Path) -> None:
    path = tmp_path / "rows" / "part-0.parquet"
    write_shard(path, [row()])
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    with pytest.raises(ConfigError, match="holds no score rows"):
        read_rows(tmp_path)


def test_no_rows_are_no_shard(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no rows"):
        write_shard(shard(tmp_path), [])


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="rows"):
        write_shard(shard(tmp_path), [row()])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="ermission"):
        write_shard(shard(tmp_path), [row()])


def test_a_full_disk_leaves_the_old_shard(tmp_path: Path) -> None:
    """A limit on file size stands in for the full disk: the write itself fails half-way."""
    write_shard(shard(tmp_path), [row()])
    before = shard(tmp_path).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match=os.strerror(errno.EFBIG)):
            write_shard(shard(tmp_path), [row(f"t{i}") for i in range(500)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert shard(tmp_path).read_bytes() == before
    assert len(read_rows(tmp_path)) == 1
