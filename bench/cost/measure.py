"""Cost of a system: parameters, operations, time, energy and memory.

Every pass asks one query at the system's own rate (the harness's resampling is left out), under `torch.inference_mode`
as in a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FunctionType, MethodType, ModuleType
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...systems.protocol import AnySystem
from ..inference.ask import Failure, guarded
from ..inference.batching import Item
from ..inference.isolation import Isolated
from ..run.system_facts import CostFacts
from .passes import Counts, Passes, Timing, cost_items

T = TypeVar("T")

_LEAVES = (Tensor, FunctionType, ModuleType, type, str, bytes)


def measure_cost(
    system: AnySystem, *, sample_rate_hz: int, device: str, example: Item | None = None, repeats: int = 5
) -> CostFacts:
    """Measure a system, and leave it and torch's random numbers as they were.

    An external system is not run. What a system raises becomes a note.

    Args:
        sample_rate_hz: rate of the queries, if the card does not name one.
        device: where the batches go.
        example: a trial whose signals and clue are used, cut or repeated to the lengths needed; without one they are
            made up to fit the card.
        repeats: most timed passes; no further one begins once they took 2 s together, or 30 s before the third.
    """
    notes: list[str] = []
    if isinstance(system, Isolated):
        return _measured_elsewhere(system, sample_rate_hz=sample_rate_hz, example=example, repeats=repeats)
    if system.card.family == "external":
        return CostFacts(device=device, notes=("an external system is not run to be measured",))
    networks = _attempt(lambda: find_networks(system), notes) or ()
    with _left_as_it_was(networks, device):
        items = _attempt(lambda: cost_items(system.card, sample_rate_hz, example), notes)
        passes = Passes(system=system, items=items, device=device) if items else None
        timing = _attempt(lambda: passes.time(repeats=repeats), notes) if passes else None
        counts = _attempt(passes.count, notes) if passes and timing else None
    # Anew, because some networks are built, or get their shapes, with their first input.
    networks = _attempt(lambda: find_networks(system), notes) or ()
    needed = system.card.family not in {"baseline", "oracle"}
    size = _size(networks, needed=needed, notes=notes)
    if counts and not counts.macs_per_s and needed:
        notes.append("no MACs were seen: the network may run in other threads or outside of torch")
        counts = replace(counts, macs_per_s=None, macs_per_query=None)
    return _cost(timing, counts, size, device=device, notes=notes)


def _measured_elsewhere(system: Isolated, **arguments: object) -> CostFacts:
    """The measurement of a system in its own process, within the time limit of a batch."""
    notes: list[str] = []
    facts = _attempt(lambda: system.host.ask_for("cost", **arguments), notes)
    if facts is None:
        return CostFacts(device=system.host.device, notes=tuple(notes))
    return CostFacts.model_validate(facts)


def _cost(
    timing: Timing | None, counts: Counts | None, size: Size | None, *, device: str, notes: Sequence[str]
) -> CostFacts:
    peaks = [part.peak_bytes for part in (timing, counts) if part and part.peak_bytes is not None]
    said = [part.note for part in (timing, counts) if part and part.note]
    return CostFacts(
        params=size.params if size else None,
        macs_per_s=counts.macs_per_s if counts else None,
        macs_per_query=counts.macs_per_query if counts else None,
        rtf=timing.rtf if timing else None,
        rtf_low=timing.rtf_low if timing else None,
        rtf_high=timing.rtf_high if timing else None,
        joules_per_s=timing.joules_per_s if timing else None,
        peak_memory_mb=(size.num_bytes + peaks[0]) / 1e6 if size and peaks else None,
        device=device,
        notes=tuple(dict.fromkeys([*said, *notes])),
    )


def _size(networks: Sequence[nn.Module], *, needed: bool, notes: list[str]) -> Size | None:
    if needed and not networks:
        notes.append("no torch network among its attributes; name them in a method networks()")
        return None
    size = size_of(networks)
    if size is None:
        notes.append("a network has parameters whose shape is not known yet")
    return size


def _attempt(measure: Callable[[], T], notes: list[str]) -> T | None:
    """A measurement, or None and a note with the error."""
    result = guarded(measure)
    if isinstance(result, Failure):
        notes.append(f"could not be measured: {result.reason}"[:300])
        return None
    return result


@contextmanager
def _left_as_it_was(networks: Sequence[nn.Module], device: str) -> Iterator[None]:
    """Training flags and torch's random numbers come out as they went in."""
    training = {module: module.training for network in networks for module in network.modules()}
    with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
        try:
            yield
        finally:
            for module, flag in training.items():
                module.training = flag


def find_networks(system: object) -> tuple[nn.Module, ...]:
    """The modules among a system's attributes.

    Attributes of attributes and entries of containers are searched too, to a depth of four. An object with a method
    `networks()` names its own instead, for example those behind a closure.
    """
    found: dict[int, nn.Module] = {}
    _search(system, depth=4, found=found, seen=set())
    return tuple(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Number of parameters, and bytes of parameters and buffers, each shared one once."""

    params: int
    num_bytes: int


def size_of(networks: Iterable[nn.Module]) -> Size | None:
    """The size of networks, or None while one of them waits for an input to get its shapes."""
    parameters: dict[int, Tensor] = {}
    buffers: dict[int, Tensor] = {}
    for network in networks:
        parameters |= {id(tensor): tensor for tensor in network.parameters()}
        buffers |= {id(tensor): tensor for tensor in network.buffers()}
    tensors = [*parameters.values(), *buffers.values()]
    if any(is_lazy(tensor) for tensor in tensors):
        return None
    return Size(
        params=sum(tensor.numel() for tensor in parameters.values()), num_bytes=sum(tensor.nbytes for tensor in tensors)
    )


def _search(value: object, *, depth: int, found: dict[int, nn.Module], seen: set[int]) -> None:
    if isinstance(value, _LEAVES) or id(value) in seen or depth < 0:
        return
    seen.add(id(value))
    if isinstance(value, nn.Module):
        found[id(value)] = value
        return
    for part in _parts(value):
        _search(part, depth=depth - 1, found=found, seen=seen)


def _parts(value: object) -> Iterator[object]:
    """Networks that an object names, or entries of a container and attributes of an object."""
    named = getattr(value, "networks", None)
    if isinstance(named, (MethodType, FunctionType)):
        yield from named()
        return
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    yield from getattr(value, "__dict__", {}).values()
