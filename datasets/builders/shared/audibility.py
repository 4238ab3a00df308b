"""Which stretches of recordings can be heard, without reading the same recording twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class _Profile:
    """Energy of a recording up to each block of 10 ms, at the rate of the mixtures."""

    energy: NDArray[np.float64] = field(repr=False)
    own_rate_hz: int


class Audibility:
    """Tells whether a clip is louder than −80 dB re full scale.

    A recording is read once, when the first clip of it is asked for; what is kept is its energy in
    blocks of 10 ms, at the rate of the mixtures, since what lies above is lost there. Only blocks
    wholly inside a clip, and not in its fades, count: a clip that is called audible is, as it is
    rendered, while one whose only sound lies within 20 ms of its ends is not called so.

    Args:
        corpora: open corpora.
        sample_rate_hz: rate of the mixtures.
        fade_s: length of the fades at both ends.
    """

    def __init__(self, corpora: Corpora, *, sample_rate_hz: int, fade_s: float) -> None:
        self._corpora = corpora
        self._rate_hz = sample_rate_hz
        self._fade_s = fade_s
        self._profiles: dict[tuple[str, str], _Profile] = {}
        self._pools: dict[tuple[str, str], tuple[Recording, ...]] = {}
        self._lock = Lock()

    def audible(self, clip: Clip) -> bool:
        """Is the clip's mean power above the threshold?"""
        profile = self._profile(clip.corpus, clip.path)
        start_s = clip.start / profile.own_rate_hz + self._fade_s
        stop_s = (clip.start + clip.frames) / profile.own_rate_hz - self._fade_s
        last = len(profile.energy) - 1
        first, end = int(np.ceil(start_s / _BLOCK_S)), int(stop_s / _BLOCK_S)
        if min(first, last) >= min(end, last):
            return False
        energy = profile.energy[min(end, last)] - profile.energy[first]
        length = clip.frames / profile.own_rate_hz * self._rate_hz
        return bool(energy / length > _SILENT_POWER)

    def audible_pool(self, pool: Pool, label: str, clip_of: Callable[[Recording], Clip]) -> Pool:
        """The pool with only those recordings of `label` whose clip can be heard."""
        key = (pool.corpus, label)
        if key not in self._pools:
            self._pools[key] = tuple(
                recording for recording in pool.by_label[label] if self.audible(clip_of(recording))
            )
        return replace(pool, by_label={**pool.by_label, label: self._pools[key]})

    def _profile(self, corpus: str, path: str) -> _Profile:
        key = (corpus, path)
        if key not in self._profiles:
            profile = self._measure(corpus, path)
            with self._lock:
                self._profiles[key] = profile
        return self._profiles[key]

    def _measure(self, corpus: str, path: str) -> _Profile:
        samples, own_rate = self._corpora[corpus].read(path)
        samples = resample(samples, from_hz=own_rate, to_hz=self._rate_hz)
        block = round(_BLOCK_S * self._rate_hz)
        whole = samples[: len(samples) // block * block].reshape(-1, block).astype(np.float64)
        energy = np.concatenate([[0.0], np.cumsum(np.square(whole).sum(axis=1))])
        return _Profile(energy, own_rate)
