"""Files of rows that join those of many chunks: after a kill at any point, each row is there once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from helpers.runs import rows_of

from tsebench.bench import rows
from tsebench.bench.row_files import MOST_FILES, chunks_of, files_of, give_up, join, path_of
from tsebench.bench.rows import read_rows, write_shard
from tsebench.core.errors import DatasetError

CHUNKS = range(MOST_FILES + 1)
STEM = "part-set-net-012345678901"


def write(folder: Path, chunk: int, *, value: float = 0.0, stem: str = STEM, sample: int = 0) -> None:
    """Two trials of a chunk."""
    facts = {"system": "net", "dataset": "set", "metric": "snr", "signature": "snr", "sample": sample}
    made = [rows_of([value + n], **facts, trial_id=f"t{chunk:02d}{n}")[0] for n in range(2)]  # type: ignore[arg-type]
    write_shard(path_of(folder, stem, chunk), made)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for chunk in CHUNKS:
        write(tmp_path / "rows", chunk)
    return tmp_path


def test_the_chunks_of_a_part_become_one_file_of_the_same_rows(run: Path) -> None:
    write(run / "rows", 0, stem=f"{STEM}-sample1", sample=1)
    before = read_rows(run)
    join(run / "rows", STEM, CHUNKS)
    assert sorted(path.name for path in (run / "rows").iterdir()) == [
        f"{STEM}-00000to{MOST_FILES:05d}.parquet",
        f"{STEM}-sample1-00000.parquet",
    ]
    (file,) = files_of(run / "rows", STEM)
    assert file.chunks == tuple(CHUNKS)
    pd.testing.assert_frame_equal(read_rows(run), before)


def test_a_part_that_lacks_a_chunk_or_has_few_stays_as_it_is(run: Path) -> None:
    before = sorted((run / "rows").iterdir())
    join(run / "rows", STEM, range(MOST_FILES + 2))
    join(run / "rows", STEM, CHUNKS[:-1])
    assert sorted((run / "rows").iterdir()) == before


@pytest.mark.parametrize("removed", [0, 3])
def test_a_kill_while_parts_are_removed_leaves_the_same_rows(
    run: Path, removed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, unlink, left = read_rows(run), Path.unlink, [removed]

    def killed(path: Path, *, missing_ok: bool = False) -> None:
        if path.suffix == ".parquet" and not left[0]:
            raise KeyboardInterrupt
        left[0] -= path.suffix == ".parquet"
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        join(run / "rows", STEM, CHUNKS)
    monkeypatch.undo()
    assert len(list((run / "rows").iterdir())) == len(CHUNKS) + 1 - removed
    pd.testing.assert_frame_equal(read_rows(run), before)
    join(run / "rows", STEM, CHUNKS)
    assert len(list((run / "rows").iterdir())) == 1
    pd.testing.assert_frame_equal(read_rows(run), before)


def test_a_chunk_that_is_tried_again_has_its_new_rows_alone(run: Path) -> None:
    join(run / "rows", STEM, CHUNKS)
    give_up(run / "rows", STEM, {2: ["t020", "t021"], 5: ["t050", "t051"]})
    assert chunks_of(files_of(run / "rows", STEM)) == {*CHUNKS} - {2, 5}
    assert len(read_rows(run)) == 2 * len(CHUNKS) - 4
    write(run / "rows", 2, value=7.0)
    write(run / "rows", 5, value=8.0)
    join(run / "rows", STEM, CHUNKS)
    assert len(list((run / "rows").iterdir())) == 1
    values = read_rows(run).set_index("trial_id")["value"]
    assert len(values) == 2 * len(CHUNKS)
    assert values[["t010", "t020", "t021", "t050"]].tolist() == [0.0, 7.0, 8.0, 8.0]
    give_up(run / "rows", STEM, {chunk: [f"t{chunk:02d}0", f"t{chunk:02d}1"] for chunk in CHUNKS})
    assert files_of(run / "rows", STEM) == []


def test_a_reader_waits_for_files_that_are_joined_meanwhile(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, raw, joined = read_rows(run), rows._raw_table, list[None]()

    def late(path: Path) -> pa.Table:
        if not joined:
            joined.append(None)
            join(run / "rows", STEM, CHUNKS)
        return raw(path)

    monkeypatch.setattr(rows, "_raw_table", late)
    monkeypatch.setattr(rows, "_THREADS", 1)
    pd.testing.assert_frame_equal(read_rows(run), before)


def test_a_damaged_joined_file_is_named(run: Path) -> None:
    join(run / "rows", STEM, CHUNKS)
    (path,) = (run / "rows").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DatasetError, match=r"00000to.*is damaged"):
        files_of(run / "rows", STEM)
