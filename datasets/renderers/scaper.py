"""The renderer of sound-event mixtures as Scaper 1.6.5 makes them (Salamon et al., WASPAA 2017).

Scaper resamples a stretch of a file, measures its loudness (BS.1770, at least −70 LUFS) and brings it to the reference
level plus its SNR; a background is repeated until it fills the mixture, an event is faded with quarter sines and
placed; the mixture is the sum. So here a source's `gain` is the level that its clip is brought to, 10^(LUFS/20), and
not a factor: recipes hold levels, and no audio need be read to draw one.

Scaper works in double precision and SoX in 32-bit integers; what is here differs by some 1e-6 of the level, see
`shared.sox_rate`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import DatasetError
from ..protocols.corpus import Corpora, Samples
from ..protocols.renderer import RENDERERS, SOURCE_RENDERERS, TREES, Rendered, in_mixture
from ..signals.audio import quantise_int16
from ..signals.clips import read_clip
from ..signals.mixing import db_to_gain
from ..types import Mixture, Source
from .shared.loudness import loudness
from .shared.sox_rate import sox_rate
from .standard import standard

if TYPE_CHECKING:
    from ..manifest import DatasetCard

PLAIN, FIX_CLIPPING, NORMALISED = "scaper", "scaper_fix_clipping", "scaper_peak_normalised"

CLIPPED, ISOLATED_CLIPPED = "scaper_clipped", "scaper_isolated_clipped"
"""As in the files that Scaper writes (PCM_32): mixture and sources are each cut at full scale."""

# Scaper has 1e-10; in single precision the scaled sources add up to a little more than full scale.
_HEADROOM = 1e-6


@RENDERERS.register(PLAIN)
def scaper(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All sources and their sum, in float32, in the order of the recipe."""
    return _finished(mixture, _stems(mixture, corpora))


@RENDERERS.register(FIX_CLIPPING)
def scaper_fix_clipping(mixture: Mixture, corpora: Corpora) -> Rendered:
    """The same, but a mixture above full scale is scaled to it, sources and all."""
    return _scaled(mixture, corpora, always=False)


@RENDERERS.register(NORMALISED)
def scaper_peak_normalised(mixture: Mixture, corpora: Corpora) -> Rendered:
    """The same, but every mixture is scaled to full scale, sources and all."""
    return _scaled(mixture, corpora, always=True)


@RENDERERS.register(CLIPPED)
def scaper_clipped(mixture: Mixture, corpora: Corpora) -> Rendered:
    """The same as "scaper", cut at full scale; a mixture above it is no longer the sum of its sources."""
    return _cut(scaper(mixture, corpora))


@RENDERERS.register(ISOLATED_CLIPPED)
def scaper_isolated_clipped(mixture: Mixture, corpora: Corpora) -> Rendered:
    """The isolated events as they were written, and their sum cut at full scale."""
    return _cut(standard(mixture, corpora))


@SOURCE_RENDERERS.register(PLAIN)
def scaper_source(mixture: Mixture, source_id: str, corpora: Corpora) -> Samples:
    """One source [T]; without a common scale the sources are independent."""
    wanted = tuple(source for source in mixture.sources if source.id == source_id)
    if not wanted:
        raise DatasetError(f"mixture {mixture.id!r} has no source {source_id!r}; build it again")
    alone: Samples = scaper(replace(mixture, sources=wanted), corpora).sources[0]
    return alone


def event_names(mixture: Mixture) -> dict[str, str]:
    """Scaper's names of the isolated events by source id: `foreground0_dog`, in order of time."""
    names: dict[str, str] = {}
    for role in ("background", "foreground"):
        events = [source for source in mixture.sources if source.role == role]
        for number, source in enumerate(sorted(events, key=lambda event: event.onset)):
            label = source.label.replace("/", "_").replace("\\", "_")
            names[source.id] = f"{role}{number}_{label}"
    return names


@TREES.register(PLAIN)
@TREES.register(FIX_CLIPPING)
@TREES.register(NORMALISED)
@TREES.register(CLIPPED)
def scaper_tree(_card: DatasetCard, mixture: Mixture, signal: str) -> str:
    """`<mixture>.wav` and `<mixture>_events/foreground0_<label>.wav`, as Scaper writes them."""
    if signal == "mixture":
        return f"{mixture.id}.wav"
    return f"{mixture.id}_events/{event_names(mixture).get(signal, signal)}.wav"


def _stems(mixture: Mixture, corpora: Corpora) -> Samples:
    """All sources [S, T] at their places and levels, before a common scale."""
    stems = np.zeros((len(mixture.sources), mixture.num_samples), dtype=np.float32)
    for stem, source in zip(stems, mixture.sources, strict=True):
        sound = _levelled(source, mixture, corpora)[: max(0, mixture.num_samples - source.onset)]
        stem[source.onset : source.onset + len(sound)] = sound
    return stems


def _levelled(source: Source, mixture: Mixture, corpora: Corpora) -> Samples:
    """The clip of a source at its level, with its fade."""
    rate = mixture.sample_rate_hz
    samples, own_rate = read_clip(source.clip, corpora)
    if source.role == "background":
        needed = mixture.num_samples * own_rate // rate
        samples = samples if len(samples) >= needed else np.resize(samples, needed)
    samples = sox_rate(samples, from_hz=own_rate, to_hz=rate)
    gain = source.gain / db_to_gain(loudness(samples, rate))
    return _faded(samples * np.float32(gain), source.fade)


def _faded(samples: Samples, length: int) -> Samples:
    """Quarter sines over `length` samples at both ends (at most the whole signal)."""
    length = min(length, len(samples))
    if length:
        ramp = np.sin(np.linspace(0.0, np.pi / 2, length)).astype(np.float32)
        samples[:length] *= ramp
        samples[-length:] *= ramp[::-1]
    return samples


def _scaled(mixture: Mixture, corpora: Corpora, *, always: bool) -> Rendered:
    stems = _stems(mixture, corpora)
    peak = float(np.abs(_total(mixture, stems)).max(initial=0.0))
    if always or peak > 1.0:
        stems *= np.float32(1.0 / (peak * (1.0 + _HEADROOM) or 1.0))
    return _finished(mixture, stems)


def _finished(mixture: Mixture, stems: Samples) -> Rendered:
    total = _total(mixture, stems)
    if mixture.quantise == "int16":
        return Rendered(sources=quantise_int16(stems), mixture=quantise_int16(total))
    return Rendered(sources=stems, mixture=total)


def _cut(rendered: Rendered) -> Rendered:
    """Signals within full scale."""
    sources, total = (np.clip(signal, -1.0, 1.0) for signal in (rendered.sources, rendered.mixture))
    return replace(rendered, sources=sources, mixture=total)


def _total(mixture: Mixture, stems: Samples) -> Samples:
    mask = in_mixture(mixture)
    total: Samples = np.add.reduce(stems if mask.all() else stems[mask], axis=0)
    return total
