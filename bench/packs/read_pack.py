"""Reading of packs of strangers: hashes are checked, and all of it is data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from ...core.content_hash import file_sha256
from ...core.errors import ConfigError, DatasetError, shortened
from ...core.json_text import MAX_BYTES, parse_json
from ...core.validation import first_problem
from ..rows import read_rows
from ..run.record import RunRecord
from .archive import Archive, open_archive
from .pack_record import PACK, ROWS, RUN, PackedEstimates, PackRecord

_Model = TypeVar("_Model", bound=BaseModel)
_MOST_ROWS = 20_000_000
_MOST_ROW_BYTES = 1 << 32
_PLAIN = {"PLAIN", "RLE", "BIT_PACKED"}  # other encodings of Parquet unpack without bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """An open pack: what it says of itself, and the record and rows that it claims.

    Attributes:
        sha256: of the file (hex).
    """

    path: Path
    sha256: str
    record: PackRecord
    run: RunRecord
    rows: pd.DataFrame = field(repr=False)
    archive: Archive = field(repr=False)

    def unpack(self, each: PackedEstimates, folder: Path) -> None:
        """Write the estimates of a system on a set below a folder, and check their hashes.

        Raises:
            ConfigError: a file is not the one that `pack.json` lists.
        """
        for name, sha256 in each.files.items():
            target = folder / name
            self.archive.unpack(f"{each.folder}/{name}", target)
            if file_sha256(target) != sha256:
                raise _changed(self.path, f"{each.folder}/{name}")


@contextmanager
def open_pack(path: Path, *, scratch: Path) -> Iterator[Pack]:
    """Open a pack; its rows are unpacked into the folder `scratch`.

    Raises:
        ConfigError: it is no pack, a file in it is not the one that `pack.json` lists, or its parts do not fit.
    """
    with open_archive(path) as archive:
        record = _parsed(archive, PACK, PackRecord)
        for name in (RUN, ROWS):
            if hashlib.sha256(archive.read(name, MAX_BYTES if name == RUN else _MOST_ROW_BYTES)).hexdigest() != (
                record.files.get(name)
            ):
                raise _changed(path, name)
        run = _parsed(archive, RUN, RunRecord)
        _check_members(archive, record, run)
        rows = _rows(archive, scratch)
        if others := sorted({*rows["run_id"].unique()} - {run.run_id}):
            raise ConfigError(f"pack {str(path)!r} is refused: it has rows of run {others[0]!r} in run {run.run_id!r}")
        yield Pack(path=path, sha256=file_sha256(path), record=record, run=run, rows=rows, archive=archive)


def _parsed(archive: Archive, name: str, kind: type[_Model]) -> _Model:
    """A JSON file of a pack."""
    try:
        return kind.model_validate(parse_json(archive.read(name, MAX_BYTES)), strict=False)
    except ValidationError as error:
        raise ConfigError(f"{str(archive.path)!r}: {name} is wrong: {first_problem(error, kind)}") from None
    except ValueError as error:
        raise ConfigError(f"{str(archive.path)!r}: {name} is no JSON ({shortened(str(error), 80)})") from None


def _check_members(archive: Archive, record: PackRecord, run: RunRecord) -> None:
    """Every file of the pack is listed, every listed one is there, and all is of systems and sets of the run."""
    where = f"pack {str(archive.path)!r} is refused"
    listed = {PACK, *record.files}
    for each in record.estimates:
        if each.system not in run.systems or each.dataset not in run.datasets:
            raise ConfigError(f"{where}: it has estimates of {each.system!r} on {each.dataset!r}, which its run lacks")
        listed |= {f"{each.folder}/{name}" for name in each.files} if each.included else set()
    folders = [each.folder for each in record.estimates]
    pairs = [(each.dataset, each.system) for each in record.estimates]
    if len({*folders}) < len(folders) or len({*pairs}) < len(pairs):
        raise ConfigError(f"{where}: two lists of estimates are of one folder, or of one system and set")
    there = {*archive.members}
    if missing := sorted(listed - there):
        raise ConfigError(f"{where}: {len(missing)} files are missing, the first is {shortened(missing[0], 80)!r}")
    if more := sorted(there - listed):
        raise ConfigError(f"{where}: {shortened(more[0], 80)!r} is not listed in {PACK}")


def _rows(archive: Archive, scratch: Path) -> pd.DataFrame:
    """The claimed rows; their file is unpacked to where `read_rows` looks."""
    path = scratch / "rows" / "part-claimed.parquet"
    archive.unpack(ROWS, path)
    where = f"pack {str(archive.path)!r} is refused: {ROWS}"
    try:
        with pq.ParquetFile(path) as file:
            facts = file.metadata
            groups = [facts.row_group(g) for g in range(facts.num_row_groups)]
            columns = [group.column(c) for group in groups for c in range(group.num_columns)]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ConfigError(f"{where} is damaged ({shortened(' '.join(str(error).split()), 100)})") from None
    stated = sum(column.total_uncompressed_size for column in columns)
    if facts.num_rows > _MOST_ROWS or stated > _MOST_ROW_BYTES:
        raise ConfigError(f"{where} states {facts.num_rows} rows of {stated} bytes, more than a pack may have")
    if odd := sorted({name for column in columns for name in column.encodings} - _PLAIN):
        raise ConfigError(f"{where} is encoded as {odd[0]}, and only plain columns are read; pack the run again")
    try:
        return read_rows(scratch)
    except (ConfigError, DatasetError) as error:
        raise ConfigError(f"{where} holds no score rows ({shortened(str(error), 200)})") from None


def _changed(path: Path, name: str) -> ConfigError:
    return ConfigError(
        f"pack {str(path)!r} is refused: {shortened(name, 80)} was changed after packing (its SHA-256 is not "
        f"the one in {PACK}); ask for the pack again"
    )
