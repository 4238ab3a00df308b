"""The renderer of the sets that this package draws itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.errors import DatasetError
from ..protocols.corpus import Corpora, Samples
from ..protocols.renderer import RENDERERS, Rendered, in_mixture, of_channels
from ..signals.audio import quantise_int16
from ..signals.clips import render_clip
from ..signals.image_sources import at_microphones, impulse_responses
from ..signals.mixing import fade_ends, place
from ..types import Mixture, Source


@RENDERERS.register("standard")
def standard(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All sources and their sum, in float32, in the order of the recipe."""
    rate = mixture.sample_rate_hz
    clips = [render_clip(source.clip, sample_rate_hz=rate, corpora=corpora) for source in mixture.sources]
    return mix(mixture, clips, corpora)


def mix(mixture: Mixture, clips: Sequence[Samples], corpora: Corpora) -> Rendered:
    """Fade, convolve, scale, place and add up the clips [T_k] of a recipe's sources."""
    sources = np.stack(
        [
            place(
                _in_room(fade_ends(clip, source.fade), source, mixture.sample_rate_hz, corpora)
                * np.float32(source.gain),
                onset=source.onset,
                length=mixture.num_samples,
            )
            for source, clip in zip(mixture.sources, clips, strict=True)
        ]
    )
    if mixture.microphones is not None:
        sources = _recorded(sources, mixture)
    total: Samples = np.add.reduce(sources[in_mixture(mixture)], axis=0)
    if mixture.quantise == "int16":
        sources, total = quantise_int16(sources), quantise_int16(total)
    if sources.ndim == 3:
        return of_channels(mixture, sources, total, {})
    return Rendered(sources=sources, mixture=total)


def _recorded(sources: Samples, mixture: Mixture) -> Samples:
    """The sources [S, T] at all microphones, [S, C, T]."""
    signals = []
    for samples, source in zip(sources, mixture.sources, strict=True):
        if mixture.microphones is None or source.position_m is None:
            raise DatasetError(f"source {source.id!r} of mixture {mixture.id!r} has no position; build the set again")
        responses, centre = impulse_responses(
            mixture.microphones,
            source.position_m,
            reference=mixture.reference_channel,
            sample_rate_hz=mixture.sample_rate_hz,
        )
        signals.append(at_microphones(samples, responses, centre))
    return np.stack(signals)


def _in_room(samples: Samples, source: Source, sample_rate_hz: int, corpora: Corpora) -> Samples:
    """The signal convolved with its impulse response, as long as before."""
    if source.impulse_response is None:
        return samples
    from scipy.signal import fftconvolve  # noqa: PLC0415 - slow to import, and few have rooms

    response = render_clip(source.impulse_response, sample_rate_hz=sample_rate_hz, corpora=corpora)
    convolved: Samples = fftconvolve(samples, response)[: len(samples)].astype(np.float32)
    return convolved
