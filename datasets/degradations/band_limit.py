"""Degradation `band_limit`."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ...core.errors import ConfigError
from ..protocols.corpus import Samples
from ..protocols.degradation import DEGRADATIONS, Rendering, To
from .shared.signals import SignalDegradation

_LENGTH_S = 0.1  # of the filter: its flanks are about 35 Hz wide


@DEGRADATIONS.register("band_limit")
class BandLimit(SignalDegradation):
    """A band as narrow as that of a telephone: AMR has 300 to 3400 Hz, AMR-WB (G.722.2) 50 to 7000 Hz.

    Only the band of these coders, not their quantisation. The filter has linear phase (a Hamming window of 0.1 s), and
    its delay is taken out, so that what passes stays aligned with the reference. The reference keeps its whole band: of
    a band-limited mixture, a system that gives back the clean speech in the band is not perfect.

    Args:
        level: upper edge of the band, at -6 dB; from half the sample rate on there is none.
        low_hz: lower edge, at -6 dB; 0: none.
    """

    title = "upper edge of the band"
    examples = (3400, 2000)
    unit = "Hz"

    def __init__(
        self,
        *,
        level: Annotated[float, Field(gt=0, allow_inf_nan=False)],
        low_hz: Annotated[float, Field(ge=0)] = 300.0,
        to: To = "mixture",
    ) -> None:
        super().__init__(to)
        if low_hz >= level:
            raise ConfigError(f"low_hz = {low_hz:g} must be below level = {level:g} Hz, the upper edge")
        self._low_hz, self._high_hz = low_hz, level

    def degrade(self, samples: Samples, sample_rate_hz: int, of: Rendering, place: int) -> Samples:
        """The signal [T] in the band."""
        from scipy.signal import fftconvolve, firwin  # noqa: PLC0415 - slow to import, and few sets are degraded

        del of, place
        edges = [edge for edge in (self._low_hz, self._high_hz) if 0 < edge < sample_rate_hz / 2]
        if not edges:
            return samples
        half = round(_LENGTH_S * sample_rate_hz / 2)
        taps = firwin(2 * half + 1, edges, pass_zero=self._low_hz == 0, fs=sample_rate_hz)
        filtered: Samples = fftconvolve(samples, taps)[half : half + len(samples)].astype(np.float32)
        return filtered
