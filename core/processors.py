"""Processors and threads that this process may use."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

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


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """OpenBLAS, which NumPy brings along, uses one thread meanwhile; nothing where NumPy has another library.

    Its threads go on spinning for a while after each product, and would take the cores of others.
    """
    count, limit = _openblas()
    before = count()
    limit(1)
    try:
        yield
    finally:
        limit(before)


@cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], object]]:
    """Functions that tell and set the number of threads of NumPy's OpenBLAS; such as do nothing without it."""
    from numpy.linalg import _umath_linalg as linked  # noqa: PLC0415 - this module must stay cheap

    try:
        library = ctypes.CDLL(linked.__file__)
        found = library.scipy_openblas_get_num_threads64_, library.scipy_openblas_set_num_threads64_
    except (OSError, AttributeError):
        return lambda: 1, lambda _: None
    return found
