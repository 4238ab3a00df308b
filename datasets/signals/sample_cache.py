"""Bounded, thread-safe caches of decoded or synthesised recordings and films."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", np.float32, np.uint8)


class _ArrayCache(Generic[Scalar]):
    """The arrays used last, up to `max_bytes`; a larger one is not cached.

    Cached arrays are shared and therefore read-only: a caller copies the stretch it returns. `make` runs outside the
    lock, so that slow decoding in one thread does not stop the others; two threads that miss the same key at once both
    make it, which is harmless for a pure function. A pickled cache arrives empty: a worker process fills its own.
    """

    dtype: ClassVar[type[Any]]

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._arrays: OrderedDict[Hashable, NDArray[Scalar]] = OrderedDict()
        self._bytes = 0

    def get_or_make(self, key: Hashable, make: Callable[[], NDArray[Scalar]]) -> NDArray[Scalar]:
        """The array under `key`, read-only; calls `make` if it is not cached."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        # A copy, because a view (one row of a stereo file) would keep all of its base alive.
        array = np.array(make(), dtype=self.dtype)
        array.flags.writeable = False
        with self._lock:
            self._put(key, array)
        return array

    def nbytes(self) -> int:
        """Bytes of the cached arrays."""
        with self._lock:
            return self._bytes

    def _put(self, key: Hashable, array: NDArray[Scalar]) -> None:
        if key in self._arrays or array.nbytes > self.max_bytes:
            return
        self._arrays[key] = array
        self._bytes += array.nbytes
        while self._bytes > self.max_bytes:
            _, dropped = self._arrays.popitem(last=False)
            self._bytes -= dropped.nbytes

    def __reduce__(self) -> tuple[type[_ArrayCache[Scalar]], tuple[int]]:
        return type(self), (self.max_bytes,)


class SampleCache(_ArrayCache[np.float32]):
    """Recordings, float32."""

    dtype = np.float32


class PictureCache(_ArrayCache[np.uint8]):
    """Films in grey, uint8."""

    dtype = np.uint8
