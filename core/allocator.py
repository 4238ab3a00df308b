"""Settings of the C library's allocator: reuse freed memory between batches, release it after the last."""

from __future__ import annotations

import ctypes
import os
import resource
from contextlib import suppress
from pathlib import Path

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


def share_freed_memory() -> None:
    """Have Arrow take its memory from the C library, so that rows reuse what a run has freed.

    For commands only, before Arrow is imported.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def give_back_freed_memory() -> None:
    """Return freed blocks to the system after the last batch, before rows and reports are made.

    Source: malloc_trim(3).
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def free_memory() -> int | None:
    """Bytes that this process can still get: of the machine, within its own limit; None where that is unknown."""
    with suppress(OSError, ValueError, LookupError):
        facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        free = 1024 * int(facts["MemAvailable"].split()[0])
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit == resource.RLIM_INFINITY:
            return free
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        return max(0, min(free, limit - used))
    return None


def room_for(size: int) -> bool:
    """Whether so many bytes can be had; asks the system only from 256 MB on."""
    if size < _KEPT_BYTES:
        return True
    free = free_memory()
    return free is None or size <= free
