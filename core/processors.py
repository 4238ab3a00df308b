"""Processors and threads that this process may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_spared: list[int] = []


def usable_processors() -> int:
    """Number of processors that this process may use, at least 1; all of the machine where the system does not say."""
    affinity = getattr(os, "sched_getaffinity", None)  # of Linux
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def computing_threads() -> int:
    """Number of threads for arithmetic, at least 1: as torch has it, if it is there.

    Otherwise `OMP_NUM_THREADS`, or all usable processors, less those that `spared_threads` leaves to others.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, (int(limit) if limit.isdecimal() else usable_processors()) - sum(_spared[-1:]))


@contextmanager
def spared_threads(count: int) -> Iterator[None]:
    """So many of the computing threads, but one, are left to processes that keep cores busy."""
    torch, limit = sys.modules.get("torch"), computing_threads()
    _spared.append(count)
    if torch is not None:
        torch.set_num_threads(max(1, limit - count))
    try:
        yield
    finally:
        _spared.pop()
        if torch is not None:
            torch.set_num_threads(limit)
