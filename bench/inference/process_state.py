"""State of the whole process that a system may change: put back after each of its calls.

Files that a system closes, other than the three standard ones, cannot be given back: a process of its own limits that
to the system.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import torch

_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
_STANDARD = (0, 1, 2)
_PRIVATE_UMASK = 0o077


@contextmanager
def state_put_back() -> Iterator[None]:
    """Put back after the block what it changed of the process.

    Working directory, environment, standard streams and their descriptors, signal handlers, filters of warnings, and
    the settings of torch, NumPy and the interpreter. Random generators are left to `OwnGenerators`.
    """
    before = [read() for read, _ in SETTINGS]
    streams, folder, descriptors = (sys.stdin, sys.stdout, sys.stderr), _folder(), _kept_descriptors()
    try:
        with _own_timer():
            yield
    finally:
        _put_back_descriptors(descriptors)
        _put_back_streams(streams)
        if folder is not None and _folder() != folder:
            with suppress(OSError):
                os.chdir(folder)
        for (read, write), value in zip(SETTINGS, before, strict=True):
            if read() != value:
                write(value)


@dataclass(slots=True)
class Interrupts:
    """Whether the user interrupted: a `KeyboardInterrupt` may also be raised by a system."""

    real: bool = False


@contextmanager
def interrupts_watched() -> Iterator[Interrupts]:
    """Notice SIGINT and SIGTERM in the block, besides what their handlers do."""
    seen = Interrupts()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    watched = {number: before for number, before in handlers.items() if callable(before)}
    if threading.current_thread() is not threading.main_thread() or not watched:
        yield seen  # they are ignored, end the process at once, or interrupt another thread
        return

    def notice(number: int, frame: FrameType | None) -> None:
        seen.real = True
        watched[signal.Signals(number)](number, frame)

    for number in watched:
        signal.signal(number, notice)
    try:
        yield seen
    finally:
        for number, before in watched.items():
            signal.signal(number, before)


class OwnGenerators:
    """The global random generators of torch, NumPy and Python, kept apart for one user of them."""

    def __init__(self) -> None:
        self._state: tuple[Any, ...] | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """The user's generators in the block, at first as they are; those of the process after it."""
        outside = _read_generators()
        if self._state is not None:
            _write_generators(self._state)
        try:
            yield
        finally:
            self._state = _read_generators()
            _write_generators(outside)


def _read_generators() -> tuple[Any, ...]:
    return torch.get_rng_state(), np.random.get_state(), random.getstate()


def _write_generators(state: tuple[Any, ...]) -> None:
    torch.set_rng_state(state[0])
    np.random.set_state(state[1])
    random.setstate(state[2])


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:  # it was removed
        return None


def _kept_descriptors() -> dict[int, int]:
    """Copies of the standard descriptors that are open."""
    kept = {}
    for number in _STANDARD:
        with suppress(OSError):
            kept[number] = os.dup(number)
    return kept


def _put_back_descriptors(kept: dict[int, int]) -> None:
    for number, copy in kept.items():
        with suppress(OSError):  # the copy was closed, too
            if not _same_file(number, copy):
                os.dup2(copy, number)
            os.close(copy)


def _same_file(first: int, second: int) -> bool:
    try:
        return os.path.sameopenfile(first, second)
    except OSError:
        return False


def _put_back_streams(streams: Sequence[Any]) -> None:
    for name, number, stream in zip(("stdin", "stdout", "stderr"), _STANDARD, streams, strict=True):
        if getattr(stream, "closed", False):
            with suppress(OSError):
                mode = "r" if number == 0 else "w"
                stream = os.fdopen(os.dup(number), mode, errors="replace")  # noqa: PLW2901
        if getattr(sys, name) is not stream:
            setattr(sys, name, stream)


def _read_environment() -> dict[str, str]:
    return dict(os.environ)


def _write_environment(value: dict[str, str]) -> None:
    for name in set(os.environ) - set(value):
        del os.environ[name]
    os.environ.update({name: text for name, text in value.items() if os.environ.get(name) != text})


def _read_umask() -> int:
    value = os.umask(_PRIVATE_UMASK)
    os.umask(value)
    return value


def _read_handlers() -> dict[int, Any]:
    """Handlers of signals; they belong to the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    return {number: handler for number, handler in handlers.items() if handler is not None}


def _write_handlers(value: dict[int, Any]) -> None:
    for number, handler in value.items():
        if signal.getsignal(number) != handler:
            signal.signal(number, handler)


@contextmanager
def _own_timer() -> Iterator[None]:
    """Restore the alarm of the process, with the time that is left of it, after the block."""
    if not hasattr(signal, "getitimer"):
        yield
        return
    (remaining_s, interval_s), began = signal.getitimer(signal.ITIMER_REAL), time.monotonic()
    try:
        yield
    finally:
        if remaining_s:
            remaining_s = max(1e-3, remaining_s - (time.monotonic() - began))
        signal.setitimer(signal.ITIMER_REAL, remaining_s, interval_s)


def _read_filters() -> list[Any]:
    return list(warnings.filters)


def _write_filters(value: list[Any]) -> None:
    warnings.resetwarnings()
    warnings.filters[:] = value  # type: ignore[index] # a list, as the module's documentation says


def _read_torch() -> tuple[Any, ...]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32


def _write_torch(value: tuple[Any, ...]) -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32 = value


def _read_deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _write_deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _write_collection(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()


def _keeps_denormals() -> bool:
    return bool(torch.tensor(1e-310, dtype=torch.float64) * 1.0 != 0.0)


def _write_denormals(kept: bool) -> None:
    torch.set_flush_denormal(not kept)


_Setting = tuple[Callable[[], Any], Callable[[Any], object]]
SETTINGS: Sequence[_Setting] = (
    (_read_handlers, _write_handlers),
    (_read_environment, _write_environment),
    (_read_umask, os.umask),
    (_read_filters, _write_filters),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (gc.isenabled, _write_collection),
    (np.geterr, lambda value: np.seterr(**value)),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, torch.set_default_device),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (_read_deterministic, _write_deterministic),
    (_read_torch, _write_torch),
    (_keeps_denormals, _write_denormals),
)
"""How each setting is read and written."""
