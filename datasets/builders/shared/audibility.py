"""Audible clips of recordings, found without reading a recording twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ...protocols.builder import Pool
from ...protocols.corpus import Corpora, Recording
from ...signals.audio import resample
from ...signals.mixing import SILENT_DB
from ...types import Clip

_BLOCK_S = 0.01
_SILENT_POWER = 10.0 ** (SILENT_DB / 10.0)


class Audibility:
    """Tells whether a clip is louder than −80 dB re full scale.

    The first clip of a recording reads all of it; its energy in blocks of 10 ms, at the rate of the mixtures, is then
    cached. Only blocks wholly inside a clip, and not in its fades, count: a clip that is called audible is so when
    rendered, but one with sound only within 20 ms of its ends is called silent.

    Args:
        fade_s: length of the fades at both ends.
    """

    def __init__(self, corpora: Corpora, *, sample_rate_hz: int, fade_s: float) -> None:
        self._corpora, self._rate_hz, self._fade_s = corpora, sample_rate_hz, fade_s
        self._measured: dict[tuple[str, str], tuple[NDArray[np.float64], int]] = {}
        self._pools: dict[tuple[str, str], tuple[Recording, ...]] = {}
        self._lock = Lock()

    def audible(self, clip: Clip) -> bool:
        """Whether the clip's mean power is above the threshold."""
        cumulative, own_hz = self._energy(clip.corpus, clip.path)
        start_s = clip.start / own_hz + self._fade_s
        stop_s = (clip.start + clip.frames) / own_hz - self._fade_s
        last = len(cumulative) - 1
        first, end = int(np.ceil(start_s / _BLOCK_S)), int(stop_s / _BLOCK_S)
        if min(first, last) >= min(end, last):
            return False
        energy = cumulative[min(end, last)] - cumulative[first]
        return bool(energy / (clip.frames / own_hz * self._rate_hz) > _SILENT_POWER)

    def audible_pool(self, pool: Pool, label: str, clip_of: Callable[[Recording], Clip]) -> Pool:
        """The pool with only those recordings of `label` whose clip is audible."""
        key = (pool.corpus, label)
        if key not in self._pools:
            self._pools[key] = tuple(r for r in pool.by_label[label] if self.audible(clip_of(r)))
        return replace(pool, by_label={**pool.by_label, label: self._pools[key]})

    def _energy(self, corpus: str, path: str) -> tuple[NDArray[np.float64], int]:
        """Energy of a recording up to each block, at the rate of the mixtures, and its own rate in Hz."""
        key = (corpus, path)
        if key not in self._measured:
            samples, own_hz = self._corpora[corpus].read(path)
            samples = resample(samples, from_hz=own_hz, to_hz=self._rate_hz)
            block = round(_BLOCK_S * self._rate_hz)
            whole = samples[: len(samples) // block * block].reshape(-1, block).astype(np.float64)
            energy = np.concatenate([[0.0], np.cumsum(np.square(whole).sum(axis=1))])
            with self._lock:
                self._measured[key] = (energy, own_hz)
        return self._measured[key]
