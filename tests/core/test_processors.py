"""The number of usable processors, on systems with and without affinities."""

from __future__ import annotations

import os

import pytest

from tsebench.core.processors import usable_processors


def test_an_affinity_limits_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5}, raising=False)
    assert usable_processors() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_processors() == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors() == 1
