"""Work done a little ahead by other threads, in order and with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
R = TypeVar("R")

AHEAD = 2
"""Items that `ahead` holds with one thread: chunks in flight on either side of the system."""


def ahead(work: Callable[[S], R], items: Iterable[S], *, threads: int = 1) -> Generator[R, None, None]:
    """Results of `work` in order, computed by `threads` threads at most `threads` + 1 items ahead.

    Without threads, each result is computed on demand. Closing the generator drops what has not begun, and waits for
    the rest.
    """
    if threads == 0:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    futures: deque[Future[R]] = deque()
    try:
        for item in items:
            futures.append(pool.submit(work, item))
            if len(futures) > threads + 1:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
