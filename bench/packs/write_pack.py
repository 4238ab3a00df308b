"""Writing of packs."""

from __future__ import annotations

import hashlib
import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ... import __version__
from ...core.constraint_words import LABEL
from ...core.content_hash import file_sha256
from ...core.errors import ConfigError, OutputError
from ...core.files import draft_of
from ..rows import read_rows
from ..run.estimate_files import FOLDER, estimates_folder
from ..run.record import RunRecord, read_record
from .pack_record import ESTIMATES, PACK, ROWS, RUN, PackedEstimates, PackRecord

_WHEN = (1980, 1, 1, 0, 0, 0)  # of every file in a pack: equal runs make equal packs
_KEPT = re.compile(r"(?:[A-Za-z0-9_.+-]+/)*[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPack:
    """A pack on disk: its record, its size and its SHA-256 (hex)."""

    path: Path
    record: PackRecord
    num_bytes: int
    sha256: str


def write_pack(run: Path, out: Path, *, team: str = "", estimates: bool = True) -> WrittenPack:
    """Write rows, record, configs, versions, cards and hashes of estimates of a finished run as one zip file.

    Folders of this machine are taken out of the record: only the last part of a path is kept.

    Args:
        team: name under which a board shows the pack; "": the name of the run.
        estimates: also write the estimates themselves, so that others can score them again.

    Raises:
        ConfigError: the folder holds no finished run, or no estimates though they are asked for.
        OutputError: the file exists, or cannot be written.
    """
    record = _record_of(run)
    found = list(_estimates_of(run, record, included=estimates))
    if estimates and not any(each.files for _, each in found):
        raise ConfigError(
            f"run folder {str(run)!r} keeps no estimates, and without them its scores cannot be verified: run it "
            "with --set keep_estimates=true, or pack the scores alone with --no-estimates"
        )
    if out.exists():
        raise OutputError(f"{str(out)!r} exists; remove it, or choose another --out")
    contents = {RUN: _anonymous(record), ROWS: packed_rows(read_rows(run))}
    packed = PackRecord(
        team=_team(team or record.title),
        run_id=record.run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        tsebench=__version__,
        files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        estimates=tuple(each for _, each in found),
    )
    _write(out, packed, contents, [pair for pair in found if pair[1].included])
    return WrittenPack(path=out, record=packed, num_bytes=out.stat().st_size, sha256=file_sha256(out))


def _record_of(run: Path) -> RunRecord:
    if not run.is_dir():
        raise ConfigError(f"run folder {str(run)!r} does not exist; give the folder of a run")
    record = read_record(run)
    if record is None:
        raise ConfigError(f"folder {str(run)!r} holds no run.json; give the folder of a run")
    if not record.finished:
        raise ConfigError(f"run {record.title!r} in {str(run)!r} is not finished; start it again to go on")
    return record


def _team(name: str) -> str:
    if not re.fullmatch(LABEL, name):
        raise ConfigError(f"--team {name!r} is no name of a team; use letters, digits and _ . + -")
    return name


def _estimates_of(run: Path, record: RunRecord, *, included: bool) -> Iterator[tuple[Path, PackedEstimates]]:
    """The folder of the estimates of each system on each set, and what a pack says of them."""
    place = 0
    for dataset, facts in record.datasets.items():
        for title in facts.systems:
            system = record.systems[title]
            if not system.competes:
                continue
            folder = estimates_folder(
                run / FOLDER, dataset=dataset, title=title, identity=system.identity, fingerprint=facts.fingerprint
            )
            files = {name: file_sha256(folder / name) for name in sorted(_names(folder))}
            yield (
                folder,
                PackedEstimates(
                    dataset=dataset,
                    system=title,
                    folder=f"{ESTIMATES}/{place}",
                    files=files,
                    included=included and bool(files),
                ),
            )
            place += 1


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.is_symlink() and _KEPT.fullmatch(name):
            yield name


def packed_rows(rows: pd.DataFrame) -> bytes:
    """Rows as one Parquet file of plain columns: a reader can bound its memory by the sizes that it states."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    for name in ("value", "weight"):  # pandas writes NaN as a missing value
        table = table.set_column(table.column_names.index(name), name, pc.fill_null(table[name], math.nan))
    content = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), content, compression="zstd", use_dictionary=False)
    return bytes(content.getvalue().to_pybytes())


def _anonymous(record: RunRecord) -> bytes:
    """run.json without the folders and stores of this machine."""
    data = _without_folders(record.model_copy(update={"tracking": {}}).model_dump(mode="json"))
    return RunRecord.model_validate(data, strict=False).model_dump_json(indent=2).encode() + b"\n"


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_folders(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(each) for each in value]
    if isinstance(value, str) and (value.startswith(("/", "~", "./", "../")) or re.match(r"[A-Za-z]:[\\/]", value)):
        return PurePath(value.replace("\\", "/")).name
    return value


def _write(
    out: Path, record: PackRecord, contents: Mapping[str, bytes], folders: Sequence[tuple[Path, PackedEstimates]]
) -> None:
    draft = draft_of(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            _add(archive, PACK, record.model_dump_json(indent=2).encode() + b"\n")
            for name, content in contents.items():
                _add(archive, name, content)
            for folder, each in folders:
                for name in each.files:
                    _add(archive, f"{each.folder}/{name}", (folder / name).read_bytes())
        draft.replace(out)
    except OSError as error:
        raise OutputError(f"cannot write pack {str(out)!r}: {error.strerror}; choose another with --out") from None
    finally:
        draft.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _WHEN)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
    archive.writestr(entry, content)
