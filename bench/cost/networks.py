"""The torch networks inside of a system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

_LEAVES = (Tensor, FunctionType, ModuleType, type, str, bytes)


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
