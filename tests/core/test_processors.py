"""Processors and threads, with and without affinities, torch and OpenBLAS."""

from __future__ import annotations

import os
import sys

import pytest

from tsebench.core import processors
from tsebench.core.processors import computing_threads, one_blas_thread, spared_threads, usable_processors


def test_an_affinity_limits_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5}, raising=False)
    assert usable_processors() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_processors() == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors() == 1


def test_threads_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(processors, "usable_processors", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert computing_threads() == 6
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert computing_threads() == 4
    with spared_threads(1):
        assert computing_threads() == 3
        with spared_threads(9):
            assert computing_threads() == 1
        assert computing_threads() == 3
    assert computing_threads() == 4


def test_openblas_gets_its_threads_back() -> None:
    count, limit = processors._openblas()
    before = count()
    limit(2)
    try:
        with one_blas_thread():
            assert count() == 1
        assert count() in {1, 2}  # 1 where NumPy has another library
        limit(before)
        assert count() == before
    finally:
        limit(before)
