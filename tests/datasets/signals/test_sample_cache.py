"""Cache of samples: bounded, least recently used first out, read-only."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tsebench.datasets.protocols.corpus import Samples
from tsebench.datasets.signals.sample_cache import SampleCache


def test_it_is_bounded_and_drops_the_least_recently_used() -> None:
    cache = SampleCache(max_bytes=4 * 250)
    made: list[int] = []

    def get(key: int, size: int = 100) -> Samples:
        def make() -> Samples:
            made.append(key)
            return np.full(size, key, dtype=np.float32)

        return cache.get_or_make(key, make)

    for key in (1, 2, 1, 3, 1, 2):
        assert get(key)[0] == key
    assert made == [1, 2, 3, 2]
    assert cache.nbytes() == 800
    assert len(get(9, size=251)) == 251
    assert cache.nbytes() == 800  # larger than the cache: handed out, not cached
    with pytest.raises(ValueError, match="read-only"):
        get(1)[0] = 0
    assert pickle.loads(pickle.dumps(cache)).nbytes() == 0


def test_it_owns_the_memory_that_it_counts() -> None:
    cache = SampleCache(max_bytes=10**6)
    stereo = np.zeros((2, 100), dtype=np.float32)
    assert cache.get_or_make("left", lambda: stereo[0]).base is None
    stereo[0] = 1
    assert not cache.get_or_make("left", lambda: stereo[1]).any()
