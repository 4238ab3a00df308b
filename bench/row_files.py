"""Files of rows of one part of a run: one for each chunk of trials, or one that joins many.

A part is one sample of one system on one set; the names of its files begin with its stem. A run writes a file for each
chunk, so that a kill costs seconds of work. But thousands of small files take long to open, and network disks refuse
them. So the chunks of a part are joined when all are there: the joined file appears whole, and the others are removed
after that. A kill in between leaves both, which hold equal rows; readers give these once, and the next start joins
again. Chunks that are tried again leave the joined file before they are written. So no two files ever hold different
rows of one trial.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ..core.files import flush_folder
from .rows import read_coded_table, shard_name, stored_chunks, write_shard_table
from .text_columns import decoded

MOST_FILES = 8
"""Chunks of a part that stay in files of their own."""

_END = re.compile(r"-(\d{5,})(to\d{5,})?\.parquet")


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of rows with the numbers of its chunks; a joined one names them itself."""

    path: Path
    chunks: tuple[int, ...]
    joined: bool = False


def files_of(folder: Path, stem: str) -> list[RowFile]:
    """The files of a part, by name.

    Raises:
        DatasetError: a joined file is damaged.
    """
    names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - a path for each of thousands takes longer
    found = []
    for name in sorted(name for name in names if name.startswith(stem)):
        if (end := _END.fullmatch(name, len(stem))) is not None:
            path = folder / name
            found.append(RowFile(path, stored_chunks(path), joined=True) if end[2] else RowFile(path, (int(end[1]),)))
    return found


def chunks_of(files: Iterable[RowFile]) -> set[int]:
    """Numbers of the chunks that some files hold."""
    return {chunk for file in files for chunk in file.chunks}


def rows_in(files: Iterable[RowFile]) -> pa.Table:
    """The rows of some files of one part, those of each chunk once, with texts as dictionaries."""
    tables, there = [], set[int]()
    for file in sorted(files, key=lambda file: -len(file.chunks)):
        if not there.issuperset(file.chunks):
            tables.append(read_coded_table(file.path))
            there |= {*file.chunks}
    return pa.concat_tables(tables, promote_options="default")


def are_joined(chunks: Sequence[int]) -> bool:
    """Whether the files of so many chunks are joined when all are there."""
    return len(chunks) > MOST_FILES


def joined_path(folder: Path, stem: str, chunks: Sequence[int]) -> Path:
    """The joined file of some chunks."""
    return folder / f"{stem}-{chunks[0]:05d}to{chunks[-1]:05d}.parquet"


def join(folder: Path, stem: str, chunks: Sequence[int]) -> None:
    """Join the files of a part that has all of some chunks, unless these are few.

    Args:
        chunks: numbers, in order.
    """
    files = files_of(folder, stem)
    if not are_joined(chunks) or len(files) < 2 or chunks_of(files) != {*chunks}:
        return
    target = joined_path(folder, stem, chunks)
    write_shard_table(target, rows_in(files), chunks=chunks)
    pa.default_memory_pool().release_unused()
    flush_folder(folder)
    for file in files:
        if file.path != target:
            file.path.unlink(missing_ok=True)


def give_up(folder: Path, stem: str, chunks: Mapping[int, Collection[str]]) -> None:
    """Take chunks out of the joined files of a part.

    Args:
        chunks: ids of their trials, by number.
    """
    for file in files_of(folder, stem):
        if not file.joined or not (gone := chunks.keys() & {*file.chunks}):
            continue
        ids = pa.array([name for chunk in gone for name in chunks[chunk]], pa.string())
        table = read_coded_table(file.path)
        rest = table.filter(pc.invert(pc.is_in(decoded(table.select(["trial_id"]))[0], ids)))
        if rest.num_rows:
            write_shard_table(file.path, rest, chunks=[chunk for chunk in file.chunks if chunk not in gone])
        else:
            file.path.unlink()


def path_of(folder: Path, stem: str, chunk: int) -> Path:
    """The file of one chunk alone."""
    return folder / shard_name(stem, chunk)
