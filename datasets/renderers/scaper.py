"""The renderer of sound-event mixtures as Scaper 1.6.5 makes them (Salamon et al., WASPAA 2017).

Scaper resamples a stretch of a file, measures its loudness (BS.1770, at least −70 LUFS) and brings
it to the reference level plus its SNR; a background is repeated until it fills the mixture, an
event is faded with quarter sines and placed; the mixture is the sum. So here a source's `gain` is
the level that its clip is brought to, 10^(LUFS/20), and not a factor: recipes hold levels, and no
audio need be read to draw one.

Scaper works in double precision and SoX in 32-bit integers. What is here differs by some 1e-7, by
what `_sox_rate` says, and in the first samples of a background: where SoX resamples in several
stages (44.1 to 16 kHz, but not 48 or 16), it drops what the first one makes before time zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError
from ..audio import quantise_int16
from ..clips import read_clip
from ..corpus import Corpora
from ..extras import SOURCE_RENDERERS, TREES
from ..mixing import db_to_gain, loudness_lufs, place
from ..renderer import RENDERERS, Rendered
from ..types import Mixture, Source
from ._sox_rate import sox_rate

if TYPE_CHECKING:
    from ..manifest import DatasetCard

Samples = NDArray[np.float32]

PLAIN, FIX_CLIPPING, NORMALISED = "scaper", "scaper_fix_clipping", "scaper_peak_normalised"

_SHORTEST_S = 0.5
# Scaper has 1e-10; in single precision the scaled sources add up to a little more than full scale.
_HEADROOM = 1e-6


@RENDERERS.register(PLAIN)
def scaper(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All sources and their sum, in float32, in the order of the recipe."""
    return _finished(mixture, [_stem(source, mixture, corpora) for source in mixture.sources])


@RENDERERS.register(FIX_CLIPPING)
def scaper_fix_clipping(mixture: Mixture, corpora: Corpora) -> Rendered:
    """The same, but a mixture above full scale is scaled to it, sources and all."""
    return _scaled(mixture, corpora, always=False)


@RENDERERS.register(NORMALISED)
def scaper_peak_normalised(mixture: Mixture, corpora: Corpora) -> Rendered:
    """The same, but every mixture is scaled to full scale, sources and all."""
    return _scaled(mixture, corpora, always=True)


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
def scaper_tree(_card: DatasetCard, mixture: Mixture, signal: str) -> str:
    """`<mixture>.wav` and `<mixture>_events/foreground0_<label>.wav`, as Scaper writes them."""
    if signal == "mixture":
        return f"{mixture.id}.wav"
    return f"{mixture.id}_events/{event_names(mixture).get(signal, signal)}.wav"


def loudness(samples: Samples, sample_rate_hz: int) -> float:
    """Loudness in LUFS; a signal under 0.5 s is repeated whole until it is that long."""
    copies = int(np.ceil(_SHORTEST_S * sample_rate_hz / len(samples)))
    tiled = np.tile(samples, copies) if copies > 1 else samples
    return loudness_lufs(tiled, sample_rate_hz)


def _stem(source: Source, mixture: Mixture, corpora: Corpora) -> Samples:
    """One source at its place and level, before a common scale."""
    rate = mixture.sample_rate_hz
    samples, own_rate = read_clip(source.clip, corpora)
    if source.role == "background":
        samples = np.resize(samples, max(len(samples), mixture.num_samples * own_rate // rate))
    samples = sox_rate(samples, from_hz=own_rate, to_hz=rate)
    gain = source.gain / db_to_gain(loudness(samples, rate))
    levelled = _faded(samples * np.float32(gain), source.fade)
    return place(levelled, onset=source.onset, length=mixture.num_samples)


def _faded(samples: Samples, length: int) -> Samples:
    """Quarter sines over `length` samples at both ends (at most the whole signal)."""
    length = min(length, len(samples))
    if length:
        ramp = np.sin(np.linspace(0.0, np.pi / 2, length)).astype(np.float32)
        samples[:length] *= ramp
        samples[-length:] *= ramp[::-1]
    return samples


def _scaled(mixture: Mixture, corpora: Corpora, *, always: bool) -> Rendered:
    stems = [_stem(source, mixture, corpora) for source in mixture.sources]
    peak = float(np.abs(_total(mixture, stems)).max(initial=0.0))
    if always or peak > 1.0:
        scale = np.float32(1.0 / (peak * (1.0 + _HEADROOM) or 1.0))
        stems = [stem * scale for stem in stems]
    return _finished(mixture, stems)


def _finished(mixture: Mixture, stems: Sequence[Samples]) -> Rendered:
    sources, total = np.stack(stems), _total(mixture, stems)
    if mixture.quantise == "int16":
        return Rendered(sources=quantise_int16(sources), mixture=quantise_int16(total))
    return Rendered(sources=sources, mixture=total)


def _total(mixture: Mixture, stems: Sequence[Samples]) -> Samples:
    heard = [
        stem
        for stem, source in zip(stems, mixture.sources, strict=True)
        if source.role != "auxiliary"
    ]
    total: Samples = np.add.reduce(heard, axis=0)
    return total
