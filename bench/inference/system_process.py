"""The parent's side of a process that serves one system: requests go out, replies come back in time or not at all."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from .frames import FrameReader, send
from .process_group import MARK, GroupGuard
from .shared_memory import SharedMemory

_TICK_S = 0.25
_FAREWELL_S = 2.0
_SERVE = "from tsebench.bench.inference.child import serve; serve"


class ProcessEndedError(Exception):
    """A process crashed or was ended; the message is the reason of a row."""


class SystemProcess:
    """The parent's side of one process; `busy` while a reply is due."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.inbox, self.outbox = SharedMemory(), SharedMemory()
        mark = uuid.uuid4().hex
        descriptors = (theirs.fileno(), self.inbox.descriptor, self.outbox.descriptor)
        path = [folder or str(Path.cwd()) for folder in sys.path]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}; {_SERVE}{descriptors!r}"],
                stdin=subprocess.DEVNULL,
                env={**os.environ, MARK: mark},
                pass_fds=descriptors,
                start_new_session=True,
            )
        self._guard = GroupGuard(self._process.pid, mark)
        self._socket, self._reader = ours, FrameReader(ours)
        self._socket.settimeout(_TICK_S)
        self.alive, self.busy = True, False

    def send(self, payload: bytes) -> None:
        """Send a request.

        Raises:
            ProcessEndedError: the process is gone or takes nothing.
        """
        self.busy = True
        self._socket.settimeout(_FAREWELL_S)
        try:
            send(self._socket, payload)
        except OSError:
            raise self._ended() from None
        finally:
            if self.alive:
                self._socket.settimeout(_TICK_S)

    def receive(self, time_limit_s: float) -> dict[str, Any]:
        """The reply to a request.

        Raises:
            ProcessEndedError: the process crashed, or did not reply in time.
        """
        latest = time.monotonic() + time_limit_s
        while time.monotonic() < latest:
            try:
                if (frame := self._reader.read()) is not None:
                    reply: dict[str, Any] = json.loads(frame)
                    self.busy = False
                    return reply
            except TimeoutError:
                if self._process.poll() is not None:  # also if a process that it started still holds the socket
                    raise self._ended() from None
            except (EOFError, OSError, ValueError):
                raise self._ended() from None
        self.close(at_once=True)
        raise ProcessEndedError(f"time_limit: no answer within {time_limit_s:g} s; raise time_limit_s")

    def close(self, *, at_once: bool = False) -> None:
        """End the process and all that it started."""
        if not self.alive:
            return
        self.alive = False
        self._socket.close()
        if not (at_once or self.busy):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_FAREWELL_S)
        self._guard.close()
        self._process.wait()
        self.inbox.close()
        self.outbox.close()

    def _ended(self) -> ProcessEndedError:
        """The reason why the process is gone."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_FAREWELL_S)
        code = self._process.returncode
        self.close(at_once=True)
        if code is None:
            return ProcessEndedError("crashed: it closed its connection to the run")
        return ProcessEndedError(f"crashed: {_signal_name(-code) if code < 0 else f'exit code {code}'}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
