"""The end of a child process and of all that it started, also when the process that made it is killed.

A guard, which is this file run as a program, waits for its standard input to end; then it kills the child's group, and
every process that carries the child's mark in its environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "TSEBENCH_SYSTEM_PROCESS"


class GroupGuard:
    """Ends a group of processes when it is closed, or when this process is gone.

    Args:
        group: the child's process id, which is also that of its group.
        mark: value of the variable `MARK` in the child's environment.
    """

    def __init__(self, group: int, mark: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(group), mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """End the group, and wait until it is gone."""
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()


def end_group(group: int, mark: str) -> None:
    """Kill a group and every process of the mark."""
    with suppress(OSError):
        os.killpg(group, signal.SIGKILL)
    for process in _marked(f"{MARK}={mark}".encode()):
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)


def _marked(entry: bytes) -> Iterator[int]:
    """Processes with an entry in the environment that they began with (Linux)."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if entry in path.read_bytes().split(b"\0"):
                yield int(path.parent.name)


def _guard() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    end_group(int(sys.argv[1]), sys.argv[2])


if __name__ == "__main__":
    _guard()
