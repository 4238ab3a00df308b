"""Parquet shards of score rows.

A run keeps its rows in `rows/part-*.parquet`; `row_files` says in which. A shard appears whole or not at all: it is
written under a temporary name in the same folder, flushed to the disk and renamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..core.allocator import give_back_freed_memory
from ..core.errors import NO_SPACE, ConfigError, DatasetError, OutputError, listed, shortened
from ..core.files import make_folder, write_atomic
from ..core.processors import usable_processors
from ..core.text import visible
from ..datasets.facts import ConditionKind
from .outcome import CRASHED, Status
from .run_folders import run_folders
from .score_row import FILES, SAMPLE, TAG_PREFIX, ScoreRow
from .text_columns import CODED, decoded, encoded, in_order, permuted, places, recoded

_NUMBERS = {
    **{name: pa.int32() for name in (SAMPLE, "n_active", "n_inactive")},
    **{name: pa.float64() for name in ("value", "weight")},
}
_OF_TRIAL = [
    *("run_id", "system", "dataset", "trial_id", SAMPLE, "mixture_id"),
    *("condition", "n_active", "n_inactive", "cluster"),
]
_OF_VALUE = ["metric", "signature", "value", "status", "reason", "weight", "detail"]
SCHEMA = pa.schema([pa.field(name, _NUMBERS.get(name, pa.string()), nullable=False) for name in _OF_TRIAL + _OF_VALUE])
_TRANSIENT = rf"(?:^|:){CRASHED}$|(?:^|:){NO_SPACE}:"  # reasons that say nothing on the system
_CHUNKS = "chunks"  # in the metadata of a joined file
_TRIES = 5  # to read a folder whose files are joined meanwhile
_LARGE = 4096  # rows of a file from which it pays to open it a second time
_THREADS = min(8, usable_processors())  # that read files
_ORDER = ["system", "dataset", "trial_id", SAMPLE, "metric", "signature", "run_id"]


def shard_name(stem: str, chunk: int) -> str:
    """Name of the shard of one chunk of trials."""
    return f"{stem}-{chunk:05d}.parquet"


def write_shard(path: Path, rows: Sequence[ScoreRow]) -> None:
    """Write rows as one Parquet file, atomically; the same rows in any order give the same bytes.

    Raises:
        OutputError: the folder is read-only, the disk is full, or there is nothing to write.
    """
    if not rows:
        raise OutputError(f"no rows to write to {str(path)!r}; leave the shard out")
    write_shard_table(path, _table(rows))


def write_shard_table(path: Path, table: pa.Table, *, chunks: Sequence[int] = (), plain: bool = False) -> None:
    """Write a table of rows, with the columns of `SCHEMA` and tags, as `write_shard` does.

    Args:
        table: texts may be dictionaries, which take less memory.
        chunks: numbers of the chunks of trials that the file joins; it names them.
        plain: dictionaries are written as texts: the file has the bytes that it has from rows.
    """
    tags = sorted({*table.column_names} - {*SCHEMA.names})
    table = table.select([*SCHEMA.names, *tags]).unify_dictionaries().combine_chunks()
    keys = [*_ORDER, "status", "value"]
    order = pc.sort_indices(decoded(table.select(keys)), sort_keys=[(name, "ascending") for name in keys])
    table = recoded(table.take(order))
    if not pc.any(pc.not_equal(table[SAMPLE], 0)).as_py():
        table = table.drop_columns([SAMPLE])
    if plain:
        table = decoded(table)
    content = pa.BufferOutputStream()
    # Without a stored schema, dictionaries are read as the texts that they stand for.
    with pq.ParquetWriter(content, table.schema, compression="zstd", store_schema=not _is_coded(table)) as file:
        file.write_table(table)
        if chunks:
            file.add_key_value_metadata({_CHUNKS: " ".join(map(str, chunks))})
    make_folder(path.parent)
    write_atomic(path, content.getvalue().to_pybytes())


def _is_coded(table: pa.Table) -> bool:
    return any(pa.types.is_dictionary(field.type) for field in table.schema)


def stored_chunks(path: Path) -> tuple[int, ...]:
    """Numbers of the chunks that a joined file names.

    Raises:
        DatasetError: the file is damaged.
    """
    try:
        known: dict[bytes, bytes] = pq.read_metadata(path).metadata or {}
        return tuple(int(number) for number in known.get(_CHUNKS.encode(), b"").split())
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, str(error)) from None


def read_shard(path: Path) -> pd.DataFrame:
    """The rows of one shard: the columns of `SCHEMA`, then its `tag_` columns.

    Raises:
        DatasetError: the file is damaged or is not a shard of score rows.
    """
    rows: pd.DataFrame = read_shard_table(path).to_pandas()
    return rows


def crashed_values(path: Path) -> list[str]:
    """Values of a shard that crashed or had no room on a disk, here or in what they are compared with.

    Returns:
        The id of the trial of each.

    Raises:
        DatasetError: as `read_shard`.
    """
    failed = _failures(path)
    return [str(name) for name in failed.loc[failed["reason"].str.contains(_TRANSIENT), "trial_id"]]


def failed_values(path: Path) -> list[str]:
    """Values of a shard that failed, for whatever reason, as `crashed_values`."""
    return [str(name) for name in _failures(path)["trial_id"]]


def _failures(path: Path) -> pd.DataFrame:
    table = read_coded_table(path).select(["trial_id", "status", "reason"])
    failed: pd.DataFrame = decoded(table.filter(pc.equal(decoded(table)["status"], "failed"))).to_pandas()
    return failed


def read_rows(run_dirs: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """All score rows of one run folder or of several, one line for each.

    The columns are those of `SCHEMA`, then every tag of any shard, sorted; a tag that a row does not have is missing
    (NaN). Lines are sorted by system, dataset, trial, sample and metric. A row that one run holds twice, equal in
    everything, is given once. Samples of one trial have lines of their own; `statistics.samples.one_per_trial` makes
    them one.

    Raises:
        ConfigError: a folder is missing or holds no rows.
        DatasetError: a shard is damaged, or one run has two values for one trial and metric.
    """
    rows: pd.DataFrame = decoded(_sorted_table(run_dirs)).to_pandas()
    return rows


def read_coded_rows(run_dirs: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """As `read_rows`, with texts as categories in alphabetical order: a tenth of the memory."""
    table = _sorted_table(run_dirs)
    rows: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    del table
    give_back_freed_memory()  # several times that of the rows
    return rows


def _sorted_table(run_dirs: str | Path | Sequence[str | Path]) -> pa.Table:
    folders = run_folders(run_dirs)
    columns = _columns([_read_run(folder) for folder in folders])
    if not len(columns["system"]):
        raise ConfigError(f"run folder {str(folders[0])!r} holds no score rows; run or score something into it first")
    table = in_order(columns)
    found = places(table, _ORDER)
    order = np.argsort(found, kind="stable")
    again = np.diff(found[order], prepend=-1) == 0
    if not again.any() and (np.diff(found) >= 0).all():
        return table
    columns |= zip(table.column_names, table.columns, strict=True)
    del table  # both hold all columns
    table = permuted(columns, order)
    if again.any():
        # Whole rows take long to compare, and seldom need it.
        twice = again | np.append(again[1:], False)
        rows = decoded(table.filter(pa.array(twice))).to_pandas()
        _check_unique(rows.drop_duplicates())
        return table.filter(pa.array(~again))
    return table


def _columns(runs: list[pa.Table]) -> dict[str, pa.ChunkedArray]:
    """The columns of some runs: those of `SCHEMA`, then tags by name."""
    table = pa.concat_tables(runs, promote_options="default")
    names = [*SCHEMA.names, *sorted({*table.column_names} - {*SCHEMA.names})]
    return {name: table.column(name) for name in names}


def _read_run(folder: Path) -> pa.Table:
    if not folder.is_dir():
        raise ConfigError(f"run folder {str(folder)!r} does not exist; give the folder of a run")
    for tries in range(1, 1 + _TRIES):
        shards = sorted((folder / "rows").glob("part-*.parquet"))
        if not shards:
            found = f"run folder {str(folder)!r} holds no score rows (rows/part-*.parquet)"
            raise ConfigError(f"{found}; run or score something into it first")
        try:
            with ThreadPoolExecutor(_THREADS) as pool:
                table = pa.concat_tables(list(pool.map(_raw_table, shards)), promote_options="default")
            break
        except DatasetError:
            if tries == _TRIES or all(path.exists() for path in shards):
                raise
    try:
        return _checked(folder, table)  # all at once: thousands of small files take longer to check than to read
    except DatasetError:
        for path in shards:
            read_shard_table(path)  # names the file
        raise


def read_shard_table(path: Path) -> pa.Table:
    """The rows of one shard as an Arrow table; otherwise as `read_shard`."""
    return decoded(read_coded_table(path))


def read_coded_table(path: Path) -> pa.Table:
    """As `read_shard_table`, with texts as dictionaries."""
    return _checked(path, _raw_table(path))


def _raw_table(path: Path) -> pa.Table:
    """The columns of a shard, without a look at the values."""
    try:
        table = _stored_table(path)
        tags = [name for name in table.column_names if name.startswith(TAG_PREFIX)]
        if SAMPLE not in table.column_names:
            table = table.append_column(SCHEMA.field(SAMPLE), pa.array(np.zeros(table.num_rows, np.int32)))
        wanted = [*SCHEMA, *(pa.field(name, pa.string()) for name in sorted(tags))]
        missing = sorted({field.name for field in wanted} - set(table.column_names))
        if not missing:
            table = table.select([field.name for field in wanted])
            coded = [pa.types.is_dictionary(field.type) for field in table.schema]
            fields = [f.with_type(CODED) if is_coded else f for f, is_coded in zip(wanted, coded, strict=True)]
            table = encoded(table.cast(pa.schema(fields)))
    except (OSError, ValueError, LookupError, MemoryError, pa.ArrowException) as error:
        raise _damaged(path, str(error)) from None
    if missing:
        raise DatasetError(f"shard {str(path)!r} is not a file of score rows: columns {listed(missing)} are missing")
    return table


def _stored_table(path: Path) -> pa.Table:
    """The columns as they are stored; texts of a large file are read as the dictionaries that they are stored as."""
    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows < _LARGE:
            return file.read(use_threads=False)
        texts = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
        with pq.ParquetFile(path, metadata=file.metadata, read_dictionary=texts) as coded:
            return coded.read(use_threads=False)


def _checked(path: Path, table: pa.Table) -> pa.Table:
    """The rows of a shard after all checks of their values."""
    try:
        table.validate(full=True)  # text that is not UTF-8 fails only when it is read
    except pa.ArrowException as error:
        raise _damaged(path, str(error)) from None
    _check_values(path, table)
    return _without_query(table)


def _without_query(table: pa.Table) -> pa.Table:
    """Scored folders have no query; releases before stored them as FMQ 1:0."""
    former = {"dataset": FILES, "condition": "FMQ", "n_active": 1, "n_inactive": 0}
    if any(value not in pc.unique(table[name]).to_pylist() for name, value in former.items()):
        return table
    plain = decoded(table)
    masks = [pc.equal(plain[name], value) for name, value in former.items()]
    mask = reduce(pc.and_, [*masks, pc.equal(plain["trial_id"], plain["mixture_id"])])
    if not pc.any(mask).as_py():
        return table
    for name, value in (("condition", ""), ("n_active", 0)):
        column = pc.if_else(mask, pa.scalar(value, SCHEMA.field(name).type), plain[name])
        plain = plain.set_column(plain.column_names.index(name), SCHEMA.field(name), column)
    return encoded(plain)


def _check_values(path: Path, table: pa.Table) -> None:
    """Check what a `ScoreRow` promises, by columns."""
    for name, kinds in (("status", get_args(Status)), ("condition", get_args(ConditionKind))):
        if unknown := sorted(set(pc.unique(table[name]).to_pylist()) - set(kinds)):
            raise _damaged(path, f"{name} is {unknown[0]!r}, not one of {', '.join(kinds)}")
    no_value = pc.or_(pc.is_null(table["value"]), pc.is_nan(table["value"]))
    if pc.any(pc.equal(no_value, pc.equal(table["status"], "ok"))).as_py():
        raise _damaged(path, "a value is there without the status 'ok', or missing with it")
    for name in (SAMPLE, "n_active", "n_inactive", "weight"):
        if not pc.all(pc.greater_equal(table[name], 0)).as_py() and table.num_rows:
            raise _damaged(path, f"{name} is negative")


def _damaged(path: Path, problem: str) -> DatasetError:
    return DatasetError(
        f"shard {str(path)!r} is damaged or not a file of score rows ({shortened(' '.join(problem.split()), 150)}); "
        "delete it and start the run again: only its trials are repeated"
    )


def coded_table(rows: Sequence[ScoreRow]) -> pa.Table:
    """The columns of `SCHEMA` and tags of some rows, with texts as dictionaries."""
    return encoded(_table(rows))


def _table(rows: Sequence[ScoreRow]) -> pa.Table:
    columns = {name: [getattr(row, name) for row in rows] for name in SCHEMA.names}
    tags = sorted({tag for row in rows for tag in row.tags})
    columns |= {
        visible(TAG_PREFIX + tag): [visible(row.tags[tag]) if tag in row.tags else None for row in rows] for tag in tags
    }
    return pa.table(
        columns, schema=pa.schema([*SCHEMA, *(pa.field(visible(TAG_PREFIX + tag), pa.string()) for tag in tags)])
    )


def _check_unique(rows: pd.DataFrame) -> None:
    if len(twice := rows[rows.duplicated(_ORDER)]):
        row = twice.iloc[0]
        raise DatasetError(
            f"{len(twice)} rows of run {row['run_id']!r} are there twice with different contents, "
            f"first {row['system']}/{row['dataset']}/{row['trial_id']}/{row['metric']}; "
            "start that run afresh, or give only one of two folders of the same run"
        )
