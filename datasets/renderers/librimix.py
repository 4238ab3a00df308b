"""LibriMix, sample for sample the files of its official script.

The script reads float32 at 16 kHz, scales by the gains of the metadata, resamples with SciPy, cuts or pads all signals
to one length, adds them up, and writes 16-bit files.

Source: J. Cosentino et al., "LibriMix: an open-source dataset for generalizable speech separation", arXiv:2005.11262,
and its script create_librimix_from_metadata.py.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ...core.errors import AudioError, DatasetError
from ..manifest import DatasetCard
from ..protocols.corpus import Corpora, Samples
from ..protocols.renderer import RENDERERS, SOURCE_RENDERERS, TREES, Rendered
from ..signals.audio import quantise_int16
from ..signals.clips import read_clip
from ..types import Mixture, Source
from .shared.halved import halved

SOURCE_RATE_HZ = 16_000  # Rate of LibriSpeech and WHAM, at which gains are applied and noise is extended

# Defaults of the builder's options.
MODE: Final = "min"
MIX: Final = "clean"

# The script's crossfade: half a Hann window of 1 s, rising, with both of its ends.
_FADE = SOURCE_RATE_HZ // 2 + 1

# Of the filter of `resample_poly`, on either side of the middle, at the lower rate.
_ZERO_CROSSINGS = 10

# The extended noise is float64, since NumPy's windows are, and all else float32.
Signal = NDArray[np.floating[Any]]


@RENDERERS.register("librimix")
def librimix(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All sources and their sum, in the order of the recipe; auxiliary ones are not in the sum."""
    signals = [_signal(source, mixture, corpora) for source in mixture.sources]
    total = np.zeros(mixture.num_samples, dtype=np.float32)
    for source, signal in zip(mixture.sources, signals, strict=True):
        if source.role != "auxiliary":
            total += signal
    sources = np.empty((len(signals), mixture.num_samples), dtype=np.float32)
    for row, signal in zip(sources, signals, strict=True):
        row[:] = _written(signal, mixture)
    return Rendered(sources=sources, mixture=_written(total, mixture))


@SOURCE_RENDERERS.register("librimix")
def librimix_source(mixture: Mixture, source_id: str, corpora: Corpora) -> Samples:
    """One source [T], without reading the others."""
    source = next(source for source in mixture.sources if source.id == source_id)
    return _written(_signal(source, mixture, corpora), mixture)


@TREES.register("librimix")
def librimix_tree(card: DatasetCard, mixture: Mixture, signal: str) -> str:
    """The script's own names, such as `Libri2Mix/wav8k/min/test/mix_clean/<mixture>.wav`."""
    speakers = sum(source.role != "background" for source in mixture.sources)
    rate = f"wav{mixture.sample_rate_hz // 1000}k"
    mode, mix = card.params.get("mode", MODE), card.params.get("mix", MIX)
    table = str(card.params["metadata"]).rpartition("/")[2]
    part = table.removesuffix(".csv").replace(f"libri{speakers}mix_", "").replace("-clean", "")
    folder = f"mix_{mix}" if signal == "mixture" else signal
    return f"Libri{speakers}Mix/{rate}/{mode}/{part}/{folder}/{mixture.id}.wav"


def extend_noise(noise: Samples, length: int) -> NDArray[np.float64]:
    """Repeat noise [T] with crossfades until it is `length` samples long.

    Each repetition begins within the last half second: the old end fades out, the new beginning fades in, and their
    weights sin² and cos² add up to 1.
    """
    if len(noise) <= _FADE:
        raise DatasetError(
            f"a noise of {len(noise)} samples cannot be extended to {length}, since a crossfade "
            f"takes {_FADE}; is the recording cut?"
        )
    rising = _rising()
    extended = noise.astype(np.float64)
    while len(extended) < length:
        seam = extended[-_FADE:] * rising[::-1] + noise[:_FADE] * rising
        extended = np.concatenate((extended[:-_FADE], seam, noise[_FADE:]))
    return extended[:length]


@lru_cache(maxsize=1)
def _rising() -> NDArray[np.float64]:
    window: NDArray[np.float64] = np.hanning(SOURCE_RATE_HZ + 1)[:_FADE]
    return window


def _signal(source: Source, mixture: Mixture, corpora: Corpora) -> Signal:
    """A source [num_samples] as it is added up."""
    # The script compares with the longest utterance, whatever the mixture is cut to after.
    longest = max((s.clip.frames for s in mixture.sources if s.role != "background"), default=0)
    extended = source.role == "background" and source.clip.frames < longest
    clip = source.clip
    if not extended:
        clip = replace(clip, frames=_needed_frames(mixture, clip.frames))
    samples, rate = read_clip(clip, corpora)
    if rate != SOURCE_RATE_HZ:
        raise AudioError(
            f"recording {source.clip.path!r} of corpus {source.clip.corpus!r} has {rate} Hz, but "
            f"LibriMix is made from {SOURCE_RATE_HZ} Hz; restore the original"
        )
    signal: Signal = samples
    if extended:
        signal = extend_noise(samples, longest)[: _needed_frames(mixture, longest)]
    # The gain is a Python float, so that float32 stays float32.
    scaled = signal * float(source.gain)
    if 2 * mixture.sample_rate_hz == SOURCE_RATE_HZ:
        scaled = halved(scaled)
    elif mixture.sample_rate_hz != SOURCE_RATE_HZ:
        scaled = resample_poly(scaled, mixture.sample_rate_hz, SOURCE_RATE_HZ)
    if len(scaled) >= mixture.num_samples:
        return scaled[: mixture.num_samples]
    fitted = np.zeros(mixture.num_samples, dtype=scaled.dtype)
    fitted[: len(scaled)] = scaled
    return fitted


def _needed_frames(mixture: Mixture, frames: int) -> int:
    """Number of a source's frames that the samples of a mixture depend on: in min mode, not all."""
    ratio = SOURCE_RATE_HZ / mixture.sample_rate_hz
    reach = math.ceil(_ZERO_CROSSINGS * max(1.0, ratio))
    return min(frames, math.ceil(mixture.num_samples * ratio) + reach)


def _written(signal: Signal, mixture: Mixture) -> Samples:
    if mixture.quantise == "int16":
        return quantise_int16(signal)
    return signal.astype(np.float32, copy=False)
