"""Settings of the C library's allocator: reuse freed memory between batches, release it after the last."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_KEPT_BYTES = 1 << 28
_ARENAS = 2


def keep_freed_memory() -> None:
    """Have glibc reuse freed blocks of this process, up to 256 MB; for commands only.

    glibc maps each large block separately and returns it to the system when it is freed, and every page of the next one
    costs a page fault. For short signals, and for a large network whose layers output more than 32 MB, that takes as
    long as the arithmetic. So separate mappings are turned off. Few arenas limit the freed memory that threads hold.
    Other C libraries are left alone.

    Source: mallopt(3).
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_MAX, 0)
        mallopt(_ARENA_MAX, _ARENAS)


def give_back_freed_memory() -> None:
    """Return freed blocks to the system after the last batch, before rows and reports are made.

    Source: malloc_trim(3).
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
