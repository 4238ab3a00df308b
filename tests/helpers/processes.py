"""Whether processes that were killed are gone."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path


def have_ended(pids: Iterable[int], *, within_s: float = 20.0) -> bool:
    """Whether all are gone in time: a busy system takes a while to end a process that was killed."""
    latest = time.monotonic() + within_s
    left = list(pids)
    while left and time.monotonic() < latest:
        left = [pid for pid in left if _is_running(pid)]
        time.sleep(0.01)
    return not left


def _is_running(pid: int) -> bool:
    """Whether a process exists and has not ended; one that ended stays listed (Z) until its parent waits for it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
