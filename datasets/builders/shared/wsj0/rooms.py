"""Rooms for dry speech: impulse responses by seed, split into target and late reverberation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from .....core.errors import ConfigError
from ....protocols.builder import BuildContext, Pool, Selection, open_pool
from ....protocols.corpus import Corpora
from ....renderers.wsj0_mix import resampled
from ....signals.clips import read_clip
from ....signals.mixing import round_gain
from ....types import Clip, Source

EARLY_S = 0.05  # Early reflections, up to 50 ms after the direct sound, help to understand speech

RoomTarget = Literal["reverberant", "early"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One impulse response."""

    whole: Clip  # all of it
    early: int  # frames up to 50 ms after its peak, a whole number of samples of the mixture
    onset: int  # the same in samples of the mixture
    norm: float  # square root of its energy at the mixture's rate


class Rooms:
    """Puts every speaker of a mixture at another place of one room; labels of the selection are rooms.

    Responses are scaled to an energy of one, so that levels hardly change. The target "reverberant" convolves a source
    with the whole response; "early" makes two sources of it, `s1` with the early part and `s1_late`, of the background,
    with the rest.
    """

    def __init__(
        self, selection: Selection, *, target: RoomTarget, places: int, sample_rate_hz: int, context: BuildContext
    ) -> None:
        self._pool: Pool = open_pool(selection, context)
        self._target, self._places, self._rate = target, places, sample_rate_hz
        self._corpora: Corpora = context.corpora
        self._names = [name for name, r in self._pool.by_label.items() if len(r) >= places]
        self._measured = lru_cache(maxsize=None)(self._measure)
        if not self._names:
            raise ConfigError(
                f"no room of corpus {selection.corpus!r} has {places} impulse responses, one for "
                "each speaker; add some, or select other rooms"
            )

    def draw(self, rng: np.random.Generator) -> tuple[Response, ...]:
        """One room, and a response in it for each speaker."""
        room = self._pool.by_label[str(rng.choice(self._names))]
        order = rng.permutation(len(room))[: self._places]
        chosen = [room[int(place)] for place in order]
        return tuple(
            self._measured(Clip(corpus=self._pool.corpus, path=r.path, start=0, frames=r.frames)) for r in chosen
        )

    def put(self, source: Source, response: Response) -> Iterator[Source]:
        """The source, or its two parts, at that place."""
        gain = float(f"{source.gain / response.norm:.12g}")
        inside = replace(source, gain=gain, impulse_response=response.whole)
        rest = response.whole.frames - response.early
        if self._target == "reverberant" or rest <= 0:
            yield inside
            return
        early = replace(response.whole, frames=response.early)
        late = replace(response.whole, start=response.early, frames=rest)
        yield replace(inside, impulse_response=early)
        yield replace(
            inside,
            id=f"{source.id}_late",
            role="background",
            impulse_response=late,
            onset=source.onset + response.onset,
            transcript=None,
        )

    def _measure(self, clip: Clip) -> Response:
        samples, rate = read_clip(clip, self._corpora)
        if not samples.any():
            raise ConfigError(f"impulse response {clip.path!r} of corpus {clip.corpus!r} is silent; remove it")
        step = rate // math.gcd(rate, self._rate)
        end = int(np.argmax(np.abs(samples))) + round(EARLY_S * rate) + 1
        early = min(-(-end // step) * step, clip.frames)
        energy = float(np.sum(np.square(resampled(clip, self._rate, self._corpora))))
        return Response(whole=clip, early=early, onset=early * self._rate // rate, norm=round_gain(math.sqrt(energy)))
