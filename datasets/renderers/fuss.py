"""The renderer of reverberant FUSS-style mixtures (Wisdom et al., ICASSP 2021)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.signal import fftconvolve

from ..protocols.corpus import Corpora
from ..protocols.renderer import RENDERERS, Rendered
from ..signals.clips import render_clip
from ..types import Mixture
from .scaper import scaper

FUSS = "fuss"

_ROOM_GAIN = 10.0


@RENDERERS.register(FUSS)
def fuss(mixture: Mixture, corpora: Corpora) -> Rendered:
    """As Scaper, each source then convolved with its room, as the released mixtures were made.

    Rooms are scaled by 10, and the convolution is cut to its middle, as long as the mixture: a source begins half a
    response earlier than in the dry mixture.
    """
    dry = scaper(replace(mixture, quantise="none"), corpora)
    sources = dry.sources.copy()
    for row, source in zip(sources, mixture.sources, strict=True):
        if source.impulse_response is not None:
            room = render_clip(source.impulse_response, sample_rate_hz=mixture.sample_rate_hz, corpora=corpora)
            # The cut is that of NumPy's "same" for a signal longer than the response.
            start = (min(len(room), len(row)) - 1) // 2
            row[:] = _ROOM_GAIN * fftconvolve(row, room)[start : start + len(row)]
    total: np.ndarray = np.add.reduce(sources, axis=0)
    return Rendered(sources=sources, mixture=total)
