"""Systems in a process of their own: a crash or a hang there costs the trial that causes it.

The process keeps the system with its weights; batches and estimates go through shared memory. After a crash, or a call
that takes longer than the time limit, the next call starts the process again. Everything that a system started ends
with its process, and the process with the run, however that ends.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ...core.errors import ConfigError, ExtractionError, TsebenchError
from ...core.text import safe_text
from ...datasets.types import Truth
from ...systems.protocol import Extraction, LabelledOutput, QueryBatch, SystemCard
from .batch_sizes import MemoryUse
from .frames import error_of, with_tensors
from .shared_memory import SharedMemory
from .system_process import ProcessEndedError, SystemProcess

START_LIMIT_S = 60.0
"""A constructor has at least this time, and otherwise the time limit of a batch."""


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


class Reply:
    """A batch that a process answers.

    Attributes:
        memory: what the batch took of a GPU, once it is answered.
    """

    def __init__(self, wait: Callable[[], tuple[Extraction, MemoryUse | None]]) -> None:
        self._wait: Callable[[], tuple[Extraction, MemoryUse | None]] | None = wait
        self._extraction: Extraction | None = None
        self.memory: MemoryUse | None = None
        self._error: Exception | None = None

    def collect(self) -> None:
        """Wait for the reply and keep it."""
        wait, self._wait = self._wait, None
        if wait is not None:
            try:
                self._extraction, self.memory = wait()
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

        def wait() -> tuple[Extraction, MemoryUse | None]:
            reply = _answer(process, limit_s)
            use = reply["memory"]
            return extraction_of(reply, process.outbox, batch), None if use is None else MemoryUse(**use)

        self._reply = Reply(wait)
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


def extraction_of(reply: Mapping[str, Any], memory: SharedMemory, batch: QueryBatch) -> Extraction:
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
