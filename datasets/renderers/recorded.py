"""The renderer of real recordings: nothing is mixed, and there are no sources."""

from __future__ import annotations

from typing import Final

from ..manifest import DatasetCard
from ..protocols.corpus import Corpora
from ..protocols.renderer import RENDERERS, TREES, Rendered, of_channels
from ..signals.audio import resample
from ..signals.clips import read_channels, render_clip
from ..types import Mixture

RECORDED: Final = "recorded"
"""Name of the renderer."""


@RENDERERS.register(RECORDED)
def recorded(mixture: Mixture, corpora: Corpora) -> Rendered:
    """The recording at the rate of the set, which is also the recipe's only, auxiliary source."""
    (source,) = mixture.sources
    if mixture.channels > 1:
        every, rate_hz = read_channels(source.clip, corpora, channels=mixture.channels)
        every = resample(every, from_hz=rate_hz, to_hz=mixture.sample_rate_hz)
        return of_channels(mixture, every[None], every, {})
    samples = render_clip(source.clip, sample_rate_hz=mixture.sample_rate_hz, corpora=corpora)
    return Rendered(sources=samples[None], mixture=samples)  # a view: an hour need not be held twice


@TREES.register(RECORDED)
def recorded_tree(_card: DatasetCard, mixture: Mixture, _signal: str) -> str:
    """One file for each recording."""
    return f"mixture/{mixture.id}.wav"
