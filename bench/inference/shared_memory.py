"""Memory that two processes share: tensors go from one to the other without a pipe.

On Linux it is an anonymous file in memory, which the size of /dev/shm does not limit; elsewhere a file of the temporary
folder that has no name.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

_ALIGNMENT_BYTES = 64


class SharedMemory:
    """Memory that one process writes and another reads; what is written next replaces all that was written before.

    Args:
        descriptor: of memory that another process made; None makes it.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = _new_file() if descriptor is None else descriptor
        self._identity = _identity(self.descriptor)
        self._map: mmap.mmap | None = None
        self._used = 0

    def close(self) -> None:
        """Close the descriptor; the memory is free once both sides have."""
        if self._intact():
            os.close(self.descriptor)
        self._map = None

    def clear(self, *, reserve: Sequence[Tensor] = ()) -> None:
        """Begin anew, with room for tensors.

        Raises:
            OSError: there is not so much memory, or the descriptor was closed.
        """
        self._used = 0
        size = sum(tensor.numel() * tensor.element_size() + _ALIGNMENT_BYTES for tensor in reserve)
        if size > (len(self._map) if self._map else 0):
            if not self._intact():
                raise OSError("the shared memory was closed")
            # Taken now: a page that cannot be had later would end the process.
            os.posix_fallocate(self.descriptor, 0, size) if hasattr(os, "posix_fallocate") else os.ftruncate(
                self.descriptor, size
            )
            self._map = mmap.mmap(self.descriptor, size)

    def put(self, tensor: Tensor) -> dict[str, Any]:
        """Copy a tensor, from any device, to room that is reserved; where it is, for `take`."""
        place = {
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "offset": self._used,
            "device": str(tensor.device),
        }
        self._array(place).copy_(tensor.detach().resolve_conj().resolve_neg())
        self._used += -(-tensor.numel() * tensor.element_size() // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
        return place

    def take(self, place: Mapping[str, Any]) -> Tensor:
        """A copy of a tensor that the other process put here, on the CPU.

        Raises:
            ValueError: there is no such tensor.
        """
        if self._map is None or self._map.size() != len(self._map):
            self._map = mmap.mmap(self.descriptor, 0)
        return self._array(place).clone()

    def _array(self, place: Mapping[str, Any]) -> Tensor:
        dtype, shape = getattr(torch, place["dtype"]), torch.Size(place["shape"])
        if not shape.numel() or self._map is None:
            return torch.empty(shape, dtype=dtype, device="cpu")
        flat = torch.frombuffer(self._map, dtype=dtype, count=shape.numel(), offset=place["offset"])
        return flat.reshape(shape)

    def _intact(self) -> bool:
        """Whether the descriptor is still that of the memory: third-party code may have closed it."""
        try:
            return _identity(self.descriptor) == self._identity
        except OSError:
            return False


def _new_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("tsebench")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
