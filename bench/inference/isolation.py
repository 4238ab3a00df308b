"""Systems in a process of their own: a crash or a hang there costs the trial that causes it.

The process keeps the system with its weights; batches and estimates go through shared memory. After a crash, or a call
that takes longer than the time limit, the next call starts the process again. Everything that a system started ends
with its process, and the process with the run, however that ends.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ...core.errors import ConfigError, ExtractionError, TsebenchError
from ...core.text import safe_text
from ...datasets.types import Truth
from ...systems.protocol import Extraction, LabelledOutput, QueryBatch, SystemCard
from .frames import FrameReader, error_of, send, with_tensors
from .process_group import MARK, GroupGuard
from .shared_memory import SharedMemory

START_LIMIT_S = 60.0
"""A constructor has at least this time, and otherwise the time limit of a batch."""

_TICK_S = 0.25
_FAREWELL_S = 2.0
_SERVE = "from tsebench.bench.inference.child import serve; serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemJob:
    """Facts from which a process builds a system.

    Attributes:
        name: registered name.
        factory: module and qualified name of a class that the calling program registered; None finds the plug-in.
        threads: of torch on the CPU.
        streaming: whether its answers are those of its streams.
    """

    name: str
    factory: tuple[str, str] | None
    options: Mapping[str, Any]
    device: str
    threads: int
    streaming: bool = False


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


class Reply:
    """A batch that a process answers."""

    def __init__(self, wait: Callable[[], Extraction]) -> None:
        self._wait: Callable[[], Extraction] | None = wait
        self._extraction: Extraction | None = None
        self._error: Exception | None = None

    def collect(self) -> None:
        """Wait for the reply and keep it."""
        wait, self._wait = self._wait, None
        if wait is not None:
            try:
                self._extraction = wait()
            except Exception as error:  # noqa: BLE001 - given to whoever asks for the result
                self._error = error

    def result(self) -> Extraction:
        """The answer; raises what the system raised, or an `ExtractionError` if its process ended."""
        self.collect()
        if self._extraction is None:
            raise self._error or ExtractionError("the reply was taken before")
        return self._extraction


class SystemHost:
    """A system in a process of its own, which is started again after it ended.

    Args:
        time_limit_s: seconds for the answer to a batch.

    Attributes:
        identity: fields of its `scoring.identity.Identity`.
        privileged: whether it reads the truth; the truths are sent to no other system.

    Raises:
        ConfigError: it cannot be built: an option is wrong, or its constructor raises, crashes, exits or hangs.
        TsebenchError: what its constructor raises of tsebench's own errors.
    """

    def __init__(self, job: SystemJob, *, time_limit_s: float) -> None:
        self._job, self._time_limit_s = job, time_limit_s
        self._process: SystemProcess | None = None
        self._reply: Reply | None = None
        facts = self._start()
        self.card = _card(facts["card"])
        self.device = job.device
        self.identity: Mapping[str, Any] = facts["identity"]
        self.privileged: bool = facts["privileged"]

    def begin(self, batch: QueryBatch, truths: Sequence[Truth] = ()) -> Reply:
        """Have a batch answered, while the caller does something else; one batch is answered at a time."""
        if self._reply is not None:
            self._reply.collect()
        process = self._running()
        self._send(process, ("extract", {"batch": batch, "truths": list(truths) if self.privileged else []}))
        limit_s = self._time_limit_s
        self._reply = Reply(lambda: _extraction(_answer(process, limit_s), process.outbox, batch))
        return self._reply

    def ask_for(self, what: str, **arguments: Any) -> Any:
        """Another request that `child` knows; its result in JSON's types.

        Raises:
            ExtractionError: the process crashed, or took longer than the time limit.
        """
        process = self._running()
        self._send(process, (what, arguments))
        return _answer(process, self._time_limit_s)["result"]

    def close(self) -> None:
        """End the process; a later call starts it again."""
        if self._process is not None:
            self._finalizer()
        self._process = self._reply = None

    def _running(self) -> SystemProcess:
        if self._process is None or self._process.busy or not self._process.alive:
            try:
                facts = self._start()
            except TsebenchError as error:
                raise ExtractionError(f"crashed before, and does not start again: {error}") from None
            if facts["identity"] != self.identity and not self.identity["stale"]:
                self.close()
                raise ExtractionError("crashed before, and its code or files have changed since; start the run again")
        if self._process is None:
            raise ExtractionError("the process of the system is closed")
        return self._process

    def _start(self) -> dict[str, Any]:
        """Start the process and build the system; its card and what else there is to know."""
        self.close()
        where, limit_s = f"system {self._job.name!r}", max(START_LIMIT_S, self._time_limit_s)
        try:
            process = SystemProcess()
        except OSError as error:
            raise ConfigError(f"{where}: no process can be started for it: {error.strerror}") from None
        self._process, self._finalizer = process, weakref.finalize(self, process.close)
        try:
            process.send(with_tensors(asdict(self._job), process.inbox))
            reply = process.receive(limit_s)
        except ProcessEndedError as error:
            raise ConfigError(f"{where} cannot be built: {error}") from None
        if (fields := reply.get("error")) is not None:
            self.close()
            if fields["own"]:
                raise error_of(fields)
            problem = safe_text(f"{fields['kind']}: {fields['text']}")
            raise ConfigError(f"{where} cannot be built: {problem}")
        return reply

    def _send(self, process: SystemProcess, request: tuple[str, Mapping[str, Any]]) -> None:
        try:
            process.send(with_tensors(request, process.inbox))
        except ProcessEndedError as error:
            raise ExtractionError(str(error)) from None
        except OSError:  # of the shared memory
            raise torch.OutOfMemoryError from None


class Isolated:
    """The face of a system that runs in `host`."""

    def __init__(self, host: SystemHost) -> None:
        self.host, self.card = host, host.card

    def __repr__(self) -> str:
        return f"<System {self.card}; in a process of its own>"


class IsolatedSystem(Isolated):
    """A system in a process of its own."""

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch.

        Raises:
            ExtractionError: the process crashed, or took longer than the time limit.
        """
        return self.host.begin(batch).result()


class IsolatedOracle(Isolated):
    """A privileged system in a process of its own."""

    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; raises as `IsolatedSystem.extract` does."""
        return self.host.begin(batch, truths).result()


def _answer(process: SystemProcess, time_limit_s: float) -> dict[str, Any]:
    try:
        reply = process.receive(time_limit_s)
    except ProcessEndedError as error:
        raise ExtractionError(str(error)) from None
    if (fields := reply.get("error")) is not None:
        raise error_of(fields)
    return reply


def _extraction(reply: Mapping[str, Any], memory: SharedMemory, batch: QueryBatch) -> Extraction:
    """An answer with its tensors: on the CPU, or where the system left them if the batch was not on the CPU either."""

    def take(place: Mapping[str, Any]) -> torch.Tensor:
        found = memory.take(place)
        return found if batch.mixture.device.type == "cpu" else found.to(place["device"])

    if reply["mixture_changed"]:
        batch.mixture.fill_(math.nan)  # the batch is the caller's copy: `doctor` sees that it was changed
    rows, probabilities, transcripts = reply["estimate"], reply["class_probabilities"], reply["transcripts"]
    activity = reply["activity"]
    outputs = reply["outputs"]
    return Extraction(
        estimate=take(rows) if isinstance(rows, dict) else [take(place) for place in rows],
        class_probabilities=None if probabilities is None else take(probabilities),
        transcripts=None if transcripts is None else tuple(transcripts),
        activity=None if activity is None else take(activity),
        outputs=None if outputs is None else [[LabelledOutput(label, take(p)) for label, p in own] for own in outputs],
        failures=reply["failures"],
    )


def _card(fields: Mapping[str, Any]) -> SystemCard:
    classes = fields["classes"]
    return SystemCard(
        **{
            **fields,
            "clues": frozenset(fields["clues"]),
            "training_data": tuple(fields["training_data"]),
            "classes": None if classes is None else tuple(classes),
        }
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
