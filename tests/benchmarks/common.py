"""Shared by the benchmarks: the page, recordings, and repeats of which the fastest counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tsebench.doctor.speed.page import put_sections

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT.parent / "shared" / "data" / "digits"
REPEATS = 15


def put_section(text: str) -> None:
    """Put a section into docs/benchmarks.md."""
    put_sections(ROOT / "docs" / "benchmarks.md", [text])


def fastest(*works: Callable[[], object]) -> list[float]:
    """Seconds of the processor for the fastest of some runs of each, in which they take turns.

    Each work runs in this thread alone. Whatever else a machine does only ever adds to a run; on
    the clock it adds all of its own time.
    """
    best = [float("inf")] * len(works)
    for _ in range(REPEATS):
        for place, work in enumerate(works):
            start = time.thread_time()
            work()
            best[place] = min(best[place], time.thread_time() - start)
    return best
