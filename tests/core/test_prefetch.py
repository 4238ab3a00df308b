"""Prefetching: results in order, a bounded number ahead, and no thread left behind."""

from __future__ import annotations

import threading

import pytest

from tsebench.core.prefetch import ahead


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_are_in_order(threads):
    assert list(ahead(str, range(7), threads=threads)) == list("0123456")


@pytest.mark.parametrize("threads", [1, 2])
def test_work_ahead_is_bounded_and_stops(threads):
    made: list[int] = []
    lock = threading.Lock()

    def make(index: int) -> int:
        with lock:
            made.append(index)
        return index

    before = threading.active_count()
    results = ahead(make, range(100), threads=threads)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    results.close()
    assert len(made) <= 5 + threads + 1
    assert threading.active_count() == before
