"""Rows of scored folders: their signatures and tags, and the files that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from ...datasets.seeding import digest
from ..score_row import OUTPUT, ROWS, ScoreRow
from .paired_files import PairedFiles

if TYPE_CHECKING:
    from ..run.record import RunRecord

MIXTURE = "mixture"
"""Name of the mixtures as a system."""


def told_apart(row: ScoreRow, files: PairedFiles) -> ScoreRow:
    """The row with the permutation in its signature, and the assigned output as a tag."""
    if not files.permutation:
        return row
    output = files.outputs.get(row.trial_id)
    tags = {**row.tags, OUTPUT: output} if output else row.tags
    return replace(row, signature=row.signature + files.signature_end, tags=tags)


def write_rows(out: Path, record: RunRecord, key: str, rows: Sequence[ScoreRow]) -> None:
    """Write rows as one file, in place of those of the same key, with the id of the run that they join.

    A shard may have none.
    """
    from ..rows import write_shard  # noqa: PLC0415 - slow to import, while workers compute

    own = [row if row.run_id == record.run_id else replace(row, run_id=record.run_id) for row in rows]
    if own:
        write_shard(out / ROWS / f"part-{digest(key)[:12]}.parquet", own)


def write_mixture_rows(out: Path, record: RunRecord, rows: Sequence[ScoreRow]) -> None:
    """Write rows of the mixtures, one file for each metric, so that scoring with other metrics leaves these rows there.

    They hold for all that is scored into the folder. Those of a system do not, because its files may be others the next
    time: they are replaced.
    """
    by_signature = attrgetter("signature")
    for signature, same in groupby(sorted(rows, key=by_signature), key=by_signature):
        write_rows(out, record, f"{MIXTURE}|{signature}", list(same))
