"""Messages between a run and the process of a system: frames of bytes on a socket, errors as names and texts."""

from __future__ import annotations

import io
import pickle
import socket
import struct
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...core import errors
from ...core.errors import TsebenchError
from .shared_memory import SharedMemory

_LENGTH = struct.Struct("<Q")
_LONGEST_BYTES = 1 << 28
_MEMORY = "OutOfMemoryError"


def send(connection: socket.socket, payload: bytes) -> None:
    """Send one frame."""
    connection.sendall(_LENGTH.pack(len(payload)) + payload)


class FrameReader:
    """Puts frames together from what a socket gives."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._buffer = connection, bytearray()

    def read(self) -> bytes | None:
        """Read what is there, and return a frame once it is whole.

        Raises:
            EOFError: the other side is gone.
            TimeoutError: nothing came within the time limit of the socket.
            OSError: the socket is closed, or what came is no frame.
        """
        if not (part := self._connection.recv(1 << 16)):
            raise EOFError
        self._buffer += part
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > _LONGEST_BYTES:
            raise OSError("no frame")
        if len(self._buffer) < _LENGTH.size + length:
            return None
        frame = bytes(self._buffer[_LENGTH.size : _LENGTH.size + length])
        self._buffer.clear()
        return frame


def with_tensors(value: object, memory: SharedMemory) -> bytes:
    """Pickle a value of ours, its tensors put into shared memory."""
    found: list[Tensor] = []

    class Listing(pickle.Pickler):
        def persistent_id(self, part: Any) -> Any:
            if isinstance(part, Tensor):
                found.append(part)
                return len(found)
            return None

    stream = io.BytesIO()
    Listing(stream, pickle.HIGHEST_PROTOCOL).dump(value)
    memory.clear(reserve=found)
    places = [memory.put(tensor) for tensor in found]
    return pickle.dumps((stream.getvalue(), places))


def taken_apart(payload: bytes, memory: SharedMemory) -> Any:
    """The value of `with_tensors`, on the CPU; for payloads of the process that started this one."""
    body, places = pickle.loads(payload)  # noqa: S301

    class Taking(pickle.Unpickler):
        def persistent_load(self, pid: Any) -> Any:
            return memory.take(places[pid - 1])

    return Taking(io.BytesIO(body)).load()


def error_fields(error: BaseException, text: str) -> dict[str, str]:
    """An error as plain fields; `text` is its message."""
    own = next((kind.__name__ for kind in type(error).__mro__ if _own(kind.__name__) is kind), "")
    if isinstance(error, torch.OutOfMemoryError):
        return {"own": "", "kind": _MEMORY, "text": text}
    return {"own": own, "kind": type.__getattribute__(type(error), "__name__"), "text": text}


def error_of(fields: Mapping[str, str]) -> Exception:
    """The error again: one of tsebench's own, out of memory, or a stand-in with the same name."""
    if (own := _own(fields["own"])) is not None:
        return own(fields["text"])
    if fields["kind"] == _MEMORY:
        return torch.OutOfMemoryError(fields["text"])
    stand_in: type[Exception] = type(fields["kind"], (Exception,), {})
    return stand_in(fields["text"])


def _own(name: str) -> type[TsebenchError] | None:
    kind = getattr(errors, name, None)
    plain = isinstance(kind, type) and issubclass(kind, TsebenchError) and kind is not errors.UnknownNameError
    return kind if plain else None
