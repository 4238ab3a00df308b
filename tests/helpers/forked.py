"""Processes of isolated systems that start in milliseconds: forked from one that has imported torch already."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import subprocess
from collections.abc import Sequence
from multiprocessing.reduction import DupFd
from types import SimpleNamespace
from typing import Any, Protocol

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tsebench.bench.inference.child", "tsebench.bench.scoring.identity"])

_ABOVE_ALL = 200


class Descriptor(Protocol):
    """A descriptor on its way to another process."""

    def detach(self) -> int: ...


class Forked:
    """Takes the place of the `subprocess.Popen` of `isolation`: the same program, fork instead of exec."""

    def __init__(self, command: Sequence[str], *, env: dict[str, str], pass_fds: Sequence[int], **_: Any) -> None:
        descriptors = {number: DupFd(number) for number in pass_fds}
        self._process = CONTEXT.Process(target=begin, args=(command[-1], env, descriptors))
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("forked", timeout or 0)
        return self._process.exitcode


INSTEAD_OF_SUBPROCESS = SimpleNamespace(
    Popen=Forked, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired
)
"""The part of `subprocess` that `isolation` uses."""


def begin(program: str, environment: dict[str, str], descriptors: dict[int, Descriptor]) -> None:
    """Run a program in a session of its own, with descriptors under their numbers."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    held = {number: fcntl.fcntl(taken.detach(), fcntl.F_DUPFD, _ABOVE_ALL) for number, taken in descriptors.items()}
    for number, descriptor in held.items():
        os.dup2(descriptor, number)
        os.close(descriptor)
    exec(program, {})
