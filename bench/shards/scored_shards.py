"""Merging of scored folders: files of rows that hold trials of all shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from ...core.errors import ConfigError, OutputError
from ...core.files import make_folder
from ..rows import SCHEMA, read_shard_table, write_shard_table
from ..run.new_record import new_record
from ..run.record import RunRecord, write_record
from ..score_row import FILES, ROWS, SAMPLE
from .check_shards import ShardFolder
from .summed_facts import summed_facts


def merge_scores(shards: Sequence[ShardFolder], out: Path, *, before: RunRecord | None) -> RunRecord:
    """Merge scored folders; they join what was scored against the same references into `out` before.

    Raises:
        ConfigError: trials of a system are missing, or there twice.
        OutputError: `out` holds scores against other references, or cannot be written.
    """
    record = _record([each.record for each in shards], out, before)
    tables = {name: _joined(name, shards, record.run_id) for name in _names(shards)}
    _check_trials(record, shards, list(tables.values()))
    make_folder(out / ROWS)
    for name, table in tables.items():
        write_shard_table(out / ROWS / name, table)
    write_record(out, record)
    return record


def _names(shards: Sequence[ShardFolder]) -> list[str]:
    return sorted({path.name for each in shards for path in (each.folder / ROWS).glob("part-*.parquet")})


def _joined(name: str, shards: Sequence[ShardFolder], run_id: str) -> pa.Table:
    """The rows of one file in all shards, with the id of the merged run."""
    paths = [each.folder / ROWS / name for each in shards]
    parts = [read_shard_table(path) for path in paths if path.is_file()]
    table = pa.concat_tables(parts, promote_options="default")
    place = table.column_names.index("run_id")
    return table.set_column(place, SCHEMA.field("run_id"), pa.array([run_id] * table.num_rows))


def _record(records: Sequence[RunRecord], out: Path, before: RunRecord | None) -> RunRecord:
    first = records[0]
    if before is not None:
        known = before.datasets.get(FILES)
        if before.shard is not None or known is None or known.fingerprint != first.datasets[FILES].fingerprint:
            raise OutputError(
                f"folder {str(out)!r} holds scores against other references, mixtures or channels; choose another --out"
            )
    systems = {**(before.systems if before else {}), **first.systems}
    metrics = {**(before.metrics if before else {}), **first.metrics}
    datasets = {FILES: first.datasets[FILES].model_copy(update={"systems": tuple(systems)})}
    name = out.resolve().name or "score"
    return first.model_copy(
        update={
            "name": name,
            "run_id": before.run_id if before else _run_id(name, first),
            "systems": systems,
            "metrics": metrics,
            "datasets": datasets,
            "tracking": before.tracking if before else {},
            **summed_facts(records),
        }
    )


def _run_id(name: str, record: RunRecord) -> str:
    """Id of the run in a folder of this name: that of the systems at the first call, as without shards."""
    first = [title for title, system in record.systems.items() if system.family == "baseline"]
    first += [title for title in record.systems if title not in first][:1]
    made = new_record(
        name=name,
        config=None,
        systems={title: record.systems[title] for title in first},
        datasets=record.datasets,
        device="cpu",
        seed=record.seed,
    )
    return made.run_id


def _check_trials(record: RunRecord, shards: Sequence[ShardFolder], tables: Sequence[pa.Table]) -> None:
    """Check that each sample of each system of the shards has every trial, and each value once."""
    expected = sum(record.datasets[FILES].trials.values())
    columns = ["system", SAMPLE, "trial_id", "metric", "signature"]
    for table in tables:
        rows = table.select(columns).to_pandas()
        if rows.duplicated().any():
            twice = rows[rows.duplicated()].iloc[0]
            raise ConfigError(
                f"trial {twice['trial_id']!r} of system {twice['system']!r} is in two shards, of other "
                "chunks of trials; score all of them with one release of tsebench"
            )
        counts = rows.groupby(["system", SAMPLE])["trial_id"].nunique()
        if (short := counts[counts != expected]).size:
            (system, *_), found = short.index[0], int(short.iloc[0])
            raise ConfigError(
                f"system {system!r} has {found} of {expected} trials in {len(shards)} shards; score those again "
                "that lack some"
            )
    seen = Counter(title for table in tables for title in set(table["system"].to_pylist()))
    if lost := sorted(shards[0].record.systems.keys() - seen.keys()):
        raise ConfigError(f"no shard has rows of system {lost[0]!r}; score it again")
