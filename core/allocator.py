"""Memory that one batch frees is kept for the next one, and given back after the last."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_KEPT_BYTES = 1 << 28
_ARENAS = 2


def keep_freed_memory() -> None:
    """Have the C library keep freed blocks, 256 MB in all, for the process; for commands only.

    glibc maps a large block by itself and gives it back to the system when it is freed, and every
    page of the next one costs a page fault. For short signals, and for a large network whose
    layers give more than 32 MB, that takes as long as the arithmetic. So no block is mapped by
    itself. Few arenas also keep threads from holding freed memory each for itself. Nothing
    happens with other libraries.

    Source: mallopt(3).
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_MAX, 0)
        mallopt(_ARENA_MAX, _ARENAS)


def give_back_freed_memory() -> None:
    """Give back to the system what the C library keeps of freed blocks: the batches are done.

    What comes after them, rows and reports, then has its own memory and not theirs beside it.

    Source: malloc_trim(3).
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
