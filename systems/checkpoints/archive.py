"""Torch files, opened safely: what a file claims is compared with what it holds before torch reads it.

torch's reader runs no code with `weights_only=True`, but it believes what a file says of its sizes: a storage may claim
more bytes than there are, a tensor may repeat one number 10^12 times, a compressed record may expand a thousandfold.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ...core.errors import CheckpointError
from ...core.file_kinds import HEAD, file_kind
from .foreign import describe
from .outline import Outline, OutlineError, outline
from .storages import check_storages

Constructor = Callable[..., Any] | tuple[Callable[..., Any], str]

# Errors of torch.load for files that are cut, corrupt, hostile or no checkpoint.
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    MemoryError,
    OverflowError,
    AssertionError,
    NotImplementedError,
    zipfile.BadZipFile,
)
_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of files before torch 1.6
_END = b"PK\x05\x06"


def load_archive(content: bytes, *, where: str, wanted: str, constructors: Sequence[Constructor] = ()) -> object:
    """Content of a torch file on the CPU; nothing in it is run.

    Args:
        content: the file, in the format of torch 1.6 and later or the one before.
        where: the file, as the start of an error's line, such as "checkpoint 'net/model.pt'".
        wanted: end of the line if it is another kind of file: what is opened here.
        constructors: of plain values that the file may hold beyond torch's own, for `torch.serialization.safe_globals`.

    Raises:
        CheckpointError: another kind of file, damaged, or more than tensors and plain values in it.
    """
    found = outline_of(content, where=where, wanted=wanted)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([*constructors]):
            # torch warns about TorchScript archives and raises an error too.
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        needs = f"it needs {named[1][:100]!r} to be opened, where" if named else "it is damaged or holds more than"
        reason = f"{needs} tensors and plain values{' are allowed' if named else ''}; nothing in it was run"
        raise CheckpointError(f"cannot load {where}, {describe(found.root)}: {reason}; {wanted}") from None
    except _UNREADABLE as error:
        raise CheckpointError(_damaged(where, type(error).__name__)) from None


def outline_of(content: bytes, *, where: str, wanted: str) -> Outline:
    """Outline of a torch file whose sizes are true; see `load_archive` for arguments and errors."""
    kind = file_kind(content[:HEAD])
    try:
        if content.startswith(b"PK\x03\x04"):
            return _zipped(content, where=where, wanted=wanted)
        if content[:1] == b"\x80":
            return _legacy(content, where=where, wanted=wanted)
    except OutlineError as error:
        raise CheckpointError(f"cannot load {where}: {error}; nothing in it was run") from None
    except _UNREADABLE as error:
        raise CheckpointError(_damaged(where, type(error).__name__)) from None
    if kind == "a tar archive" and (b"sys_info" in content[:HEAD] or b"storages" in content[:HEAD]):
        kind = "a tar archive as torch wrote it before 2017 (open it with torch 1.x and save it again)"
    raise CheckpointError(f"{where} is {kind or 'a file of an unknown kind'}, not a torch archive; {wanted}")


def _damaged(where: str, reason: str) -> str:
    return f"cannot load {where}: it is damaged or cut short ({reason}); nothing in it was run; fetch or save it again"


def _zipped(content: bytes, *, where: str, wanted: str) -> Outline:
    archive = zipfile.ZipFile(io.BytesIO(content))
    records = {info.filename: info for info in archive.infolist()}
    folder = next(iter(records), "").partition("/")[0]
    if f"{folder}/constants.pkl" in records:
        raise CheckpointError(f"{where} is a TorchScript model, which is a program and not weights alone; {wanted}")
    if f"{folder}/data.pkl" not in records:
        shown = ", ".join(repr(name[:40]) for name in [*records][:3])
        raise CheckpointError(f"{where} is a zip archive, but not a torch archive (it holds {shown}); {wanted}")
    _check_records(content, archive)
    with archive.open(f"{folder}/data.pkl") as file:
        found = outline(io.BytesIO(file.read()))
    sizes = {
        name.removeprefix(f"{folder}/data/"): info.file_size
        for name, info in records.items()
        if name.startswith(f"{folder}/data/")
    }
    check_storages(found, where=where, sizes=sizes)
    return found


def _check_records(content: bytes, archive: zipfile.ZipFile) -> None:
    """Refuse a zip that torch did not write, or that its reader may see otherwise than Python's."""
    infos = archive.infolist()
    _check_end(content, archive.start_dir)
    if len({info.filename.lower() for info in infos}) < len(infos):
        raise OutlineError("two of its records have one name")
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise OutlineError(f"its record {info.filename[-60:]!r} is compressed or encrypted, as torch's never are")
        end = info.header_offset + info.file_size
        if info.file_size != info.compress_size or end > len(content):
            raise OutlineError(f"its record {info.filename[-60:]!r} is cut short")
    if sum(info.file_size for info in infos) > len(content):
        raise OutlineError("its records claim more bytes than the file has")


def _check_end(content: bytes, start: int) -> None:
    """Refuse a second table of records, which another reader of zip files could find."""
    end = len(content) - 22
    size, offset = struct.unpack_from("<II", content, end + 12)
    expected_end = end
    if content[end - 20 : end - 16] == b"PK\x06\x07":
        expected_end = end - 76
        (at,) = struct.unpack_from("<Q", content, end - 12)
        size, offset = struct.unpack_from("<QQ", content, expected_end + 40)
        if at != expected_end:
            raise OutlineError("its table of records is not where it should be")
    if content[end : end + 4] != _END or offset != start or offset + size != expected_end:
        raise OutlineError("its table of records is not where it should be")


def _legacy(content: bytes, *, where: str, wanted: str) -> Outline:
    """A file of several pickles, followed by the storages."""
    file = io.BytesIO(content)
    first = outline(file)
    if first.root != _MAGIC:
        what = describe(first.root)
        raise CheckpointError(f"{where} is a Python pickle ({what}), not a torch archive; {wanted}")
    outline(file)  # the version of the format
    outline(file)  # the byte order
    found = outline(file)
    check_storages(found, where=where, sizes=None, most_bytes=len(content))
    return found
