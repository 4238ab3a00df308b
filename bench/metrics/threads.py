"""Parts of a batch at once on a CPU: one in each thread, in place of threads in each operation.

The operations of a part are short (20 to 200 µs), so that sharing each of them between cores
costs more than it gains; whole parts share well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor

_Part = TypeVar("_Part")


def threaded(compute: Callable[[_Part], Tensor], parts: Sequence[_Part]) -> list[Tensor]:
    """What `compute` returns for each part, in order; as many at once as torch has threads.

    The values do not depend on the number of threads, since every part is computed by one.
    """
    count = torch.get_num_threads()
    if count == 1 or len(parts) == 1:
        return [compute(part) for part in parts]
    torch.set_num_threads(1)  # also of the linear algebra in the other threads
    try:
        return list(_threads(count, os.getpid()).map(compute, parts))
    finally:
        torch.set_num_threads(count)


@contextmanager
def spared_threads(count: int) -> Iterator[None]:
    """Torch leaves so many of its threads, but one, to processes that keep cores busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before - count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=1)
def _threads(count: int, process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a fork has none
    """So many threads that wait between calls, each with one thread for its own operations."""
    return ThreadPoolExecutor(count, "part", initializer=torch.set_num_threads, initargs=(1,))
