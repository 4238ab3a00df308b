"""Shared by the benchmarks: Markdown tables and the description of the machine."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
REPEATS = 15
PACKAGES = ("torch", "numpy", "scipy", "pystoi", "mir_eval", "pesq")


def head() -> str:
    """Head of the page, above the sections; a section measured on another machine names it."""
    return (
        "# Benchmarks\n\nWritten by `python tests/benchmarks --write`, and by the other modules in "
        f"that folder that have an option `--write`.\n\nMachine: {machine()}."
    )


def put_head() -> None:
    """Bring what comes before the sections of the page up to date."""
    _, *sections = _parts()
    _write([head(), *sections])


def put_section(text: str) -> None:
    """Put a section into the page, in the place of the one with its heading, or at the end."""
    heading = text.partition("\n")[0]
    parts = _parts()
    places = [n for n, old in enumerate(parts) if old.partition("\n")[0] == heading]
    place = slice(places[0], places[0] + 1) if places else slice(len(parts), None)
    parts[place] = [text]
    _write(parts)


def _parts() -> list[str]:
    """The head of the page, and its sections."""
    return re.split(r"\n(?=## )", PAGE.read_text(encoding="utf-8"))


def _write(parts: Sequence[str]) -> None:
    PAGE.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


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


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in (columns, rule, *rows))


def machine() -> str:
    """The processor, and versions of what is compared."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next((x.partition(":")[2].strip() for x in lines if "model name" in x), model)
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"
