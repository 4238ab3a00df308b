"""Rows of scored folders: their signatures and tags, and the files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.seeding import digest
from ..score_row import OUTPUT, ROWS, TAG_PREFIX, ScoreRow
from .paired_files import PairedFiles

if TYPE_CHECKING:
    import pyarrow as pa

    from ..run.record import RunRecord

MIXTURE = "mixture"
"""Name of the mixtures as a system."""

_GATHERED = 8192
"""Rows that are held as objects; so many are 2 MB. Few files need no columns before the workers have ended."""


def told_apart(row: ScoreRow, files: PairedFiles) -> ScoreRow:
    """The row with the permutation in its signature, and the assigned output as a tag."""
    if not files.permutation:
        return row
    output = files.outputs.get(row.trial_id)
    tags = {**row.tags, OUTPUT: output} if output else row.tags
    return replace(row, signature=row.signature + files.signature_end, tags=tags)


class RowColumns:
    """Rows in the order in which they were added, as columns with texts as numbers: half the memory of the objects."""

    def __init__(self) -> None:
        self._rows: list[ScoreRow] = []
        self._tables: list[pa.Table] = []

    def add(self, rows: Iterable[ScoreRow]) -> None:
        """Add some rows."""
        self._rows += rows
        if len(self._rows) >= _GATHERED:
            self._gather()

    def table(self) -> pa.Table:
        """All rows, with the columns of `rows.SCHEMA` and tags; texts are dictionaries."""
        import pyarrow as pa  # noqa: PLC0415 - slow to import, while workers compute

        if self._rows or not self._tables:
            self._gather()
        return pa.concat_tables(self._tables, promote_options="default")

    def __iter__(self) -> Iterator[ScoreRow]:
        """The rows, with their tags as texts."""
        from ..text_columns import decoded  # noqa: PLC0415 - as above

        for table in self._tables:
            yield from map(_row, decoded(table).to_pylist())
        yield from self._rows

    def _gather(self) -> None:
        from ..rows import coded_table  # noqa: PLC0415 - as above

        self._tables.append(coded_table(self._rows))
        self._rows = []


def _row(record: dict[str, Any]) -> ScoreRow:
    tags = {name.removeprefix(TAG_PREFIX): record.pop(name) for name in [*record] if name.startswith(TAG_PREFIX)}
    return ScoreRow(**record, tags={name: text for name, text in tags.items() if text is not None})


def write_rows(out: Path, record: RunRecord, key: str, rows: pa.Table) -> None:
    """Write rows as one file, in place of those of the same key, with the id of the run that they join.

    A shard may have none.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import, while workers compute

    from ..rows import write_shard_table  # noqa: PLC0415 - as above

    if rows.num_rows:
        place = rows.schema.get_field_index("run_id")
        ids = pa.array([record.run_id] * rows.num_rows, pa.string()).dictionary_encode()
        rows = rows.set_column(place, rows.schema.field(place), ids)
        write_shard_table(out / ROWS / f"part-{digest(key)[:12]}.parquet", rows, plain=True)


def write_mixture_rows(out: Path, record: RunRecord, rows: pa.Table) -> None:
    """Write rows of the mixtures, one file for each metric, so that scoring with other metrics leaves these rows there.

    They hold for all that is scored into the folder. Those of a system do not, because its files may be others the next
    time: they are replaced.
    """
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import, while workers compute

    from ..text_columns import decoded  # noqa: PLC0415 - as above

    signatures = decoded(rows.select(["signature"]))["signature"]
    for signature in sorted(pc.unique(signatures).to_pylist()):
        write_rows(out, record, f"{MIXTURE}|{signature}", rows.filter(pc.equal(signatures, signature)))
