"""A bounded, thread-safe cache of decoded or synthesised recordings."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

from ..protocols.corpus import Samples


class SampleCache:
    """The samples used last, up to `max_bytes`; a larger recording is not cached.

    Cached samples are shared and therefore read-only: a caller copies the stretch it returns. `make` runs outside the
    lock, so that slow decoding in one thread does not stop the others; two threads that miss the same key at once both
    make it, which is harmless for a pure function. A pickled cache arrives empty: a worker process fills its own.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._samples: OrderedDict[Hashable, Samples] = OrderedDict()
        self._bytes = 0

    def get_or_make(self, key: Hashable, make: Callable[[], Samples]) -> Samples:
        """The samples under `key`, read-only; calls `make` if they are not cached."""
        with self._lock:
            if key in self._samples:
                self._samples.move_to_end(key)
                return self._samples[key]
        # A copy, because a view (one row of a stereo file) would keep all of its base alive.
        samples = np.array(make(), dtype=np.float32)
        samples.flags.writeable = False
        with self._lock:
            self._put(key, samples)
        return samples

    def nbytes(self) -> int:
        """Bytes of the cached samples."""
        with self._lock:
            return self._bytes

    def _put(self, key: Hashable, samples: Samples) -> None:
        if key in self._samples or samples.nbytes > self.max_bytes:
            return
        self._samples[key] = samples
        self._bytes += samples.nbytes
        while self._bytes > self.max_bytes:
            _, dropped = self._samples.popitem(last=False)
            self._bytes -= dropped.nbytes

    def __reduce__(self) -> tuple[type[SampleCache], tuple[int]]:
        return type(self), (self.max_bytes,)
