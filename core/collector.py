"""Settings of Python's garbage collector."""

from __future__ import annotations

import atexit
import gc


def collect_rarely() -> None:
    """Exclude the objects that imports create from collection; for commands and worker processes only.

    They are permanent, some 100,000 in a command. Scanning them repeatedly, and once more at exit, takes over half a
    second.
    """
    gc.set_threshold(10_000, 100, 4)
    atexit.register(gc.freeze)
