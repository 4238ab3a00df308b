"""Degradation `clipping`."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ..protocols.corpus import Samples
from ..protocols.degradation import DEGRADATIONS, Rendering, To
from ..signals.mixing import db_to_gain
from .shared.signals import SignalDegradation


@DEGRADATIONS.register("clipping")
class Clipping(SignalDegradation):
    """Samples beyond a limit are set to it, as an overdriven converter does; the signal is not scaled.

    Args:
        level: how far the limit lies below the largest magnitude of the signal (of each channel and enrollment).
    """

    title = "limit below the peak"
    examples = (6, 20)
    unit = "dB"

    def __init__(self, *, level: Annotated[float, Field(ge=0, le=120)], to: To = "mixture") -> None:
        super().__init__(to)
        self._gain = np.float32(db_to_gain(-level))

    def degrade(self, samples: Samples, sample_rate_hz: int, of: Rendering, place: int) -> Samples:
        """The clipped signal [T]."""
        del sample_rate_hz, of, place
        limit = self._gain * np.abs(samples).max(initial=np.float32(0))
        clipped: Samples = np.clip(samples, -limit, limit)
        return clipped
