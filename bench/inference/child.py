"""The process of one system: builds it, and answers requests until the run closes the connection."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from importlib import import_module
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from ...core.allocator import keep_freed_memory
from ...core.errors import ExtractionError
from ...core.text import safe_text, visible
from ...datasets.types import Truth
from ...systems.protocol import AnySystem, Extraction, PrivilegedSystem, QueryBatch, SystemCard
from ...systems.registry import SYSTEMS, load_system
from .ask import Failure, ask, guarded
from .batch_sizes import with_memory_use
from .extraction_rows import failure_reasons
from .frames import FrameReader, error_fields, send, taken_apart
from .labelled import Outputs, labelled_outputs
from .plain_tensors import plain
from .shared_memory import SharedMemory
from .streamed import streamed

_LONGEST_TEXT = 10_000
_MOST_OF_MIXTURE = 16
_ALWAYS_TAKEN = 1 << 24


def serve(connection: int, inbox: int, outbox: int) -> None:
    """Build a system and answer for it; the arguments are descriptors."""
    for descriptor in (connection, inbox, outbox):
        os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    os.dup2(2, 1)  # what a system prints must not end up in the output of the run
    keep_freed_memory()
    answers = _Answers(SharedMemory(inbox), SharedMemory(outbox))
    with socket.socket(fileno=connection) as wire:
        reader = FrameReader(wire)
        try:
            while True:
                if (payload := reader.read()) is not None:
                    send(wire, json.dumps(answers.to(payload)).encode())
        except EOFError:
            return
        except OSError:  # the system closed the connection: the parent starts another process
            os._exit(1)


class _Answers:
    """A system, and replies to requests in JSON's types; the first request builds it."""

    def __init__(self, inbox: SharedMemory, outbox: SharedMemory) -> None:
        self._inbox, self._outbox = inbox, outbox
        self._system: AnySystem | None = None
        self._device = "cpu"

    def to(self, payload: bytes) -> dict[str, Any]:
        """The reply to a request: its result, or the error."""
        reply = guarded(lambda: self._reply(taken_apart(payload, self._inbox)))
        if not isinstance(reply, Failure):
            return reply
        return {"error": error_fields(reply.error, safe_text(reply.error, _LONGEST_TEXT))}

    def _reply(self, request: Any) -> dict[str, Any]:
        if self._system is None:
            return self._build(**request)
        what, arguments = request
        if what == "extract":
            return self._extract(self._system, **arguments)
        return {"result": _REQUESTS[what](self._system, self._device, arguments)}

    def _build(
        self,
        *,
        name: str,
        factory: tuple[str, str] | None,
        options: Mapping[str, Any],
        device: str,
        threads: int,
        streaming: bool,
    ) -> dict[str, Any]:
        from ..scoring.identity import identity_of  # noqa: PLC0415 - it knows isolated systems

        torch.set_num_threads(threads)
        if factory is not None:
            found = attrgetter(factory[1])(import_module(factory[0]))
            if SYSTEMS.registered(name) is None:
                SYSTEMS.register(name)(found)
        system = load_system(name, device=device, **options)
        system = streamed(system) if streaming else system
        self._system, self._device = system, device
        return {
            "card": {field.name: _plain(getattr(system.card, field.name)) for field in fields(SystemCard)},
            "identity": asdict(identity_of(system, SYSTEMS.registered(name), options)),
            "privileged": isinstance(system, PrivilegedSystem),
        }

    def _extract(self, system: AnySystem, *, batch: QueryBatch, truths: Sequence[Truth]) -> dict[str, Any]:
        on_device = _moved(batch, self._device)
        untouched = on_device.mixture.clone()
        extraction, use = with_memory_use(lambda: ask(system, on_device, truths), self._device)
        rows = _rows(extraction, batch)
        outputs = labelled_outputs(extraction, size=len(batch.ids), length=batch.mixture.shape[-1])
        signals = [each.signal for own in outputs for each in own or ()]
        single = isinstance(extraction.estimate, Tensor)
        probabilities = extraction.class_probabilities
        if not (probabilities is None or isinstance(probabilities, Tensor)):
            raise TypeError(f"class_probabilities are of type {type(probabilities).__name__}, not a tensor")
        activity = extraction.activity
        if not (activity is None or isinstance(activity, Tensor)):
            raise TypeError(f"activity is of type {type(activity).__name__}, not a tensor")
        try:
            self._outbox.clear(reserve=[*rows, *(t for t in (probabilities, activity) if t is not None), *signals])
        except OSError:
            raise torch.OutOfMemoryError("no shared memory for the estimates") from None
        places = [self._outbox.put(row) for row in rows]
        transcripts = extraction.transcripts
        return {
            "estimate": places[0] if single else places,
            "class_probabilities": None if probabilities is None else self._outbox.put(probabilities),
            "activity": None if activity is None else self._outbox.put(activity),
            "transcripts": None if transcripts is None else [None if t is None else visible(t) for t in transcripts],
            "outputs": None if extraction.outputs is None else [self._put(own or ()) for own in outputs],
            "failures": failure_reasons(extraction, batch),
            "mixture_changed": not untouched.equal(on_device.mixture),
            "memory": None if use is None else asdict(use),
        }

    def _put(self, outputs: Outputs) -> list[tuple[str, dict[str, Any]]]:
        """Labels, and where the signals are."""
        return [(each.label, self._outbox.put(each.signal)) for each in outputs]


def _moved(batch: QueryBatch, device: str) -> QueryBatch:
    """The batch on the system's device."""
    if device == "cpu":
        return batch
    clues = tuple(
        replace(
            clue,
            enrollments=tuple(signal.to(device) for signal in clue.enrollments),
            video=None if clue.video is None else clue.video.to(device),
        )
        for clue in batch.clues
    )
    return replace(batch, mixture=batch.mixture.to(device), lengths=batch.lengths.to(device), clues=clues)


def _rows(extraction: Extraction, batch: QueryBatch) -> list[Tensor]:
    """Tensors of the estimates, if they can be sent."""
    given = extraction.estimate
    if not isinstance(given, Tensor) and len(given) != len(batch.ids):
        raise ValueError(f"{len(given)} estimates for {len(batch.ids)} queries")
    rows = [given] if isinstance(given, Tensor) else list(given)
    samples = sum(plain(row).numel() for row in rows)
    if samples > _MOST_OF_MIXTURE * batch.mixture.numel() + _ALWAYS_TAKEN:
        raise ExtractionError(f"estimate has {samples} samples for mixtures of {batch.mixture.numel()}")
    return rows


def _cost(system: AnySystem, device: str, arguments: Mapping[str, Any]) -> Any:
    from ..cost.measure import measure_cost  # noqa: PLC0415 - it knows isolated systems

    return measure_cost(system, device=device, **arguments).model_dump(mode="json")


_REQUESTS: Mapping[str, Callable[[AnySystem, str, Mapping[str, Any]], Any]] = {"cost": _cost}


def _plain(value: object) -> Any:
    """A value of a card in JSON's types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value))
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    number = getattr(value, "item", None)  # of NumPy
    return number() if callable(number) else str(value)
