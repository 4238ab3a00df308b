"""Two processes on one folder."""

from __future__ import annotations

from pathlib import Path

from .jobs import Job, start
from .kills import LONGEST_S, Result, Usual, compare, finish, remove


def two_at_once(job: Job, usual: Usual, *, place: Path, out: Path) -> Result:
    """Two processes on one folder: one may wait or be refused in one line; the result is that of one."""
    pair = [start(job, out, place=place) for _ in range(2)]
    problem = ""
    for process in pair:
        _, errors = process.communicate(timeout=LONGEST_S)
        refused = process.returncode == 2 and errors.count("\n") == 1
        if process.returncode != 0 and not refused:
            problem = f"exit code {process.returncode}: {errors[-300:]}"
    problem = problem or finish(job, out, place=place) or compare(job, usual, out)
    remove(out)
    return Result(job.name, "two processes", problem)
