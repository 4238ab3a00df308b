"""The report `parquet`: the long table of the leaderboard, with the whole of it in the metadata."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.errors import ConfigError
from ...core.files import make_folder, write_atomic
from ..leaderboard.board import SCHEMA_VERSION, Leaderboard
from ..leaderboard.document import from_json, to_json
from .registry import REPORTS

NAME = "leaderboard.parquet"
_KEY = b"tsebench.leaderboard"


@REPORTS.register("parquet")
def write_parquet(board: Leaderboard, out: Path) -> list[Path]:
    """Write `leaderboard.parquet`; see docs/leaderboard_schema.md."""
    content = pa.BufferOutputStream()
    pq.write_table(_table(board), content, compression="zstd")
    path = make_folder(out) / NAME
    write_atomic(path, content.getvalue().to_pybytes())
    return [path]


def read_parquet(path: Path) -> Leaderboard:
    """The leaderboard that a file holds, equal to the one that was written, but without its rows.

    Raises:
        ConfigError: the file cannot be read or holds no leaderboard of this version.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
        raise ConfigError(f"cannot read {str(path)!r}: {' '.join(str(error).split())}") from None
    if _KEY not in metadata:
        raise ConfigError(f"{str(path)!r} holds no leaderboard; write one with `tsebench report --format parquet`")
    return from_json(metadata[_KEY], where=str(path))


def _table(board: Leaderboard) -> pa.Table:
    """One row for each system, stratum and metric, with the fingerprint of the dataset."""
    prints = {table.dataset: table.fingerprint for table in board.tables}
    lines = board.to_frame()
    lines.insert(1, "fingerprint", lines["dataset"].map(prints))
    lines.insert(0, "schema_version", SCHEMA_VERSION)
    table = pa.Table.from_pandas(lines, preserve_index=False)
    return table.replace_schema_metadata({_KEY: to_json(board)})
