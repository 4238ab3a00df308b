"""Processors that this process may use."""

from __future__ import annotations

import os


def usable_processors() -> int:
    """Number of processors that this process may use, at least 1; all of the machine where the system does not say."""
    affinity = getattr(os, "sched_getaffinity", None)  # of Linux
    return len(affinity(0)) if affinity else os.cpu_count() or 1
