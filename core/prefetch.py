"""Work done a little ahead by another thread, in order and with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
R = TypeVar("R")

AHEAD = 2
"""Chunks that may be in flight on either side of the system."""


def ahead(work: Callable[[S], R], items: Sequence[S]) -> Generator[R, None, None]:
    """Results of `work` in order, computed by one thread at most `AHEAD` items ahead.

    Closing the generator drops what is not begun, and waits for what is.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
    futures: deque[Future[R]] = deque()
    try:
        for item in items:
            futures.append(pool.submit(work, item))
            if len(futures) > AHEAD:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
