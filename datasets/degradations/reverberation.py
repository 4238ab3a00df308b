"""Degradation `reverberation`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from ...core.errors import ConfigError
from ..builders.shared.options import Level
from ..protocols.corpus import Samples
from ..protocols.degradation import DEGRADATIONS, Degradation, Rendering, To
from ..protocols.renderer import in_mixture
from ..signals.mixing import db_to_gain
from ..types import Clip, Query, Trial, Truth
from .shared.recorded import drawn_recordings
from .shared.signals import needs_enrollment, with_enrollments

if TYPE_CHECKING:
    from ..dataset import Dataset

MEASURED = "measured"
_GAP_S = 0.0025  # between the direct sound and the first reflection
_AT_T60_S = 0.5  # for which the energy of the tail is given
_DECAY = 3.0 * np.log(10.0)  # of the amplitude, to -60 dB


@DEGRADATIONS.register("reverberation")
class Reverberation(Degradation):
    """Each source of a mixture in a room, at a place of its own; or each enrollment.

    The reference is the dry target of the plain set: every response begins with the direct sound, at the first sample
    and with gain 1, so that the reference is the direct sound of the target in the mixture, to the sample. What a
    response adds is the tail; an answer without any reverberation is perfect. Where a mixture has no sources (real
    recordings), one response is applied to all of it, and all channels have the same. Mixtures and enrollments keep
    their length.

    Args:
        level: reverberation time T60 of synthetic responses: Gaussian noise that decays by 60 dB in that time, from 2.5
            ms after the direct sound on, with the same draws at every level; or "measured", for those of `responses`.
        direct_to_reverberant_db: energy of the direct sound over that of the tail of synthetic responses at a T60 of
            0.5 s. It falls by 3 dB with each doubling of T60, as in a room of one size: the tail begins at one level.
        responses: name of a corpus of measured responses, one recording for each; each is cut before its largest
            magnitude, which is taken for the direct sound, and divided by it.
    """

    title = "reverberation time"
    examples = (0.2, 0.6)
    unit = "s"

    def __init__(
        self,
        *,
        level: Annotated[float, Field(gt=0, le=20)] | Literal["measured"],
        direct_to_reverberant_db: Level = 0.0,
        responses: str | None = None,
        to: To = "mixture",
    ) -> None:
        if (level == MEASURED) != (responses is not None):
            raise ConfigError(f"level = {level} goes with `responses` only if it is 'measured'; correct one")
        self.to, self._level = to, level
        self._drr_db, self._responses = direct_to_reverberant_db, responses

    def clue(self, trial: Trial, of: Dataset, seed: int) -> Trial:
        """The trial as it is; one without an enrollment has no reverberant enrollment."""
        del of, seed
        return needs_enrollment(trial) if self.to == "enrollment" else trial

    def clips(self, trial: Trial, of: Dataset, seed: int) -> tuple[Clip, ...]:
        """A measured response for each source or enrollment."""
        if self._responses is None:
            return ()
        sources = len(of.mixtures[trial.mixture_id].sources)
        count = max(1, sources) if self.to == "mixture" else len(trial.clue.enrollments)
        return drawn_recordings(self._responses, of, seed=seed, count=count)

    def apply(self, query: Query, truth: Truth, of: Rendering) -> tuple[Query, Truth]:
        """Add the tails of all sources to the mixture, or those of the enrollments."""
        rate = query.sample_rate_hz
        if self.to == "enrollment":
            dry = [each.numpy() for each in query.clues.enrollments]
            wet = [each + self._tail(each, rate, of, place) for place, each in enumerate(dry)]
            return with_enrollments(query, tuple(map(torch.from_numpy, wet))), truth
        every = of.signals.sources if of.signals.all_sources is None else of.signals.all_sources
        sources = [(place, every[place]) for place in map(int, np.flatnonzero(in_mixture(of.mixture)))]
        if not sources:
            sources = [(0, query.mixture.numpy())]
        tails = sum((self._tail(each, rate, of, place) for place, each in sources), np.float32(0))
        return replace(query, mixture=query.mixture + torch.from_numpy(np.asarray(tails))), truth

    def _tail(self, samples: Samples, rate_hz: int, of: Rendering, place: int) -> Samples:
        """A signal [..., T] convolved with the response of a place without its direct sound."""
        from scipy.signal import fftconvolve  # noqa: PLC0415 - slow to import, and few sets are degraded

        response = self._response(rate_hz, of, place)
        response[0] = 0.0
        shaped = response.reshape((1,) * (samples.ndim - 1) + (-1,))
        wet: Samples = fftconvolve(samples, shaped, axes=-1)[..., : samples.shape[-1]].astype(np.float32)
        return wet

    def _response(self, rate_hz: int, of: Rendering, place: int) -> Samples:
        """A response [L] whose first sample is the direct sound of gain 1."""
        if isinstance(self._level, str):
            measured = of.clips[place]
            first = int(np.argmax(np.abs(measured)))
            direct = measured[first]
            return measured[first:] / direct if direct else np.ones(1, np.float32)
        times_s = np.arange(max(2, round(self._level * rate_hz))) / rate_hz
        # Mean energy of a tail that begins with 1: the sum of exp(-2 decay t / T60) from the gap on.
        energy = rate_hz * _AT_T60_S / (2 * _DECAY) * np.exp(-2 * _DECAY * _GAP_S / _AT_T60_S)
        envelope = db_to_gain(-self._drr_db) / np.sqrt(energy) * np.exp(-_DECAY * times_s / self._level)
        response = of.generator("room", place).standard_normal(len(times_s)) * envelope
        response[times_s < _GAP_S] = 0.0
        response[0] = 1.0
        rounded: Samples = response.astype(np.float32)
        return rounded
