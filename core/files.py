"""Atomic writing of results: a kill or a full disk never leaves a partial file."""

from __future__ import annotations

import errno
import os
import platform
import re
import stat
from contextlib import suppress
from pathlib import Path

from .errors import OutputError

_HOST = re.sub(r"[^A-Za-z0-9]", "_", platform.node())[:40]
_DRAFT = re.compile(rf"\..+\.{_HOST}-(\d+)\.part")


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: it is missing, no regular file (a pipe would block), or longer than `limit` bytes.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if state.st_size > limit:
            raise OSError(errno.EFBIG, f"it has {state.st_size} bytes, more than the {limit} that are read")
        return file.read(limit)


def check_empty(folder: Path) -> None:
    """Check that a folder for new files holds none; it may be missing.

    Raises:
        OutputError: it holds something, or cannot be listed.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise OutputError(f"folder {str(folder)!r} is not empty; choose another with --out")
    except OSError as error:
        raise OutputError(f"cannot list folder {str(folder)!r}: {error.strerror}; choose another with --out") from None


def make_folder(path: Path) -> Path:
    """Create a folder and check that it can be written to.

    Raises:
        OutputError: it is a file, read-only, or the disk is full.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        try:
            probe.touch()
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        reason = "it is a file" if path.is_file() else error.strerror
        raise OutputError(f"cannot write to folder {str(path)!r}: {reason}; choose another with --out") from None
    return path


def draft_of(path: Path) -> Path:
    """Temporary name of a file of this process, in the same folder; `remove_dead_drafts` knows it."""
    return path.with_name(f".{path.name}.{_HOST}-{os.getpid()}.part")


def remove_dead_drafts(folder: Path) -> None:
    """Remove the drafts below a folder whose processes on this machine were killed."""
    for place, _, names in os.walk(folder):
        for name in names:
            draft = _DRAFT.fullmatch(name)
            if draft and not _is_alive(int(draft[1])):
                with suppress(OSError):
                    Path(place, name).unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OverflowError, PermissionError):
        return True
    return True


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    with suppress(OSError):
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def write_atomic(path: Path, content: bytes | str, *, flush: bool = True) -> None:
    """Write a file through a temporary name in the same folder.

    Args:
        flush: to the disk, before it takes its place; files that other files are made into need not survive a power
            cut, and a report has many.

    Raises:
        OutputError: the folder is read-only or the disk is full; an existing file is unchanged.
    """
    data = content.encode() if isinstance(content, str) else content
    draft = draft_of(path)
    try:
        with draft.open("wb") as file:
            file.write(data)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        problem = f"cannot write {str(path)!r}: {error.strerror}"
        raise OutputError(f"{problem}; free the disk or choose another folder") from None
    finally:  # also after an interrupt; a draft that took its place is gone
        with suppress(OSError):
            draft.unlink()
