"""A lock on a folder, so that two processes never write into it at the same time."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError
from .files import make_folder, remove_dead_drafts

_PAUSE_S = 0.05
_BUSY = {errno.EWOULDBLOCK, errno.EACCES}


@contextmanager
def folder_lock(folder: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of a folder, which is made if it is missing; a process that ends in any way gives its lock back.

    The lock is on the folder itself, so that no file is left behind. Where the file system has no locks, none is held.
    Drafts that a killed process of this machine left below the folder are removed.

    Args:
        wait_s: how long to wait for another process.

    Raises:
        OutputError: another process holds the lock, or the folder cannot be written.

    Source: flock(2).
    """
    place = os.open(make_folder(folder), os.O_RDONLY | os.O_DIRECTORY)
    try:
        last = time.monotonic() + wait_s
        while not _taken(place):
            if time.monotonic() >= last:
                raise OutputError(
                    f"folder {str(folder)!r} is being written by another process; wait until it has ended, or choose "
                    "another with --out"
                )
            time.sleep(_PAUSE_S)
        remove_dead_drafts(folder)
        yield
    finally:
        os.close(place)


def _taken(place: int) -> bool:
    """Whether the lock is held from now on, or cannot be had here at all."""
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _BUSY
    return True
