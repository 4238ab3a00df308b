"""The renderer of WSJ0-2mix and sets like it: the files of the scripts of MERL, sample for sample.

Each utterance is resampled, scaled by its gain, and cut or padded; then all signals of a mixture are scaled together,
so that the loudest sample of the mixture and of its sources is 0.9, and rounded to 16 bits. (J. R. Hershey et al.,
"Deep clustering", ICASSP 2016; `create_wav_2speakers`.)

The scripts resample with MATLAB's `resample`. Here it is `scipy.signal.resample_poly` in double precision, which
designs the same filter (Kaiser window, β = 5, 10 zero crossings) but scales it to a gain of one; releases of MATLAB
differ in that. The common scale cancels such a factor, and what is left are differences in the last bits (about −70 dB
against files made with MATLAB).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample_poly

from ..manifest import DatasetCard
from ..protocols.corpus import Corpora, Samples
from ..protocols.renderer import RENDERERS, TREES, Rendered, in_mixture
from ..signals.clips import read_clip
from ..types import Clip, Mixture, Source

Signal = NDArray[np.float64]

Wsj0Protocol = Literal["wsj0_2mix", "extr", "spex"]
Mode = Literal["min", "max"]

PEAK = 0.9

PROTOCOL: Wsj0Protocol = "wsj0_2mix"
MODES: Mapping[str, Mode] = {"wsj0_2mix": "min", "extr": "max", "spex": "min"}
"""Defaults of the builder's options `protocol` and `mode`."""

_PARTS = {"train": "tr", "valid": "cv", "test": "tt"}


@RENDERERS.register("wsj0_mix")
def wsj0_mix(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All sources and their sum, in the order of the recipe.

    A gain holds 10^(snr/20) / sqrt(active level); the common scale is found here. Auxiliary sources count for it with
    their whole length. An impulse response is convolved after resampling.
    """
    signals = [_signal(source, mixture.sample_rate_hz, corpora) for source in mixture.sources]
    placed = np.stack(
        [
            _place(signal, onset=source.onset, length=mixture.num_samples)
            for signal, source in zip(signals, mixture.sources, strict=True)
        ]
    )
    total = np.add.reduce(placed[in_mixture(mixture)], axis=0)
    aside = {
        source.id: signal for source, signal in zip(mixture.sources, signals, strict=True) if source.role == "auxiliary"
    }
    peak = max(float(np.abs(signal).max(initial=0.0)) for signal in (total, placed, *aside.values()))
    scale = PEAK / peak if peak > 0 else 1.0
    quantise = mixture.quantise == "int16"
    return Rendered(
        sources=_written(placed * scale, quantise),
        mixture=_written(total * scale, quantise),
        auxiliary={name: _written(signal * scale, quantise) for name, signal in aside.items()},
    )


@TREES.register("wsj0_mix")
def wsj0_mix_tree(card: DatasetCard, mixture: Mixture, signal: str) -> str:
    """The scripts' own names: `2speakers/wav8k/min/tt/mix/<mixture>.wav` and so on.

    The script of WSJ0-2mix-extr leaves the first folder to its user, and writes no s2.
    """
    protocol = card.params.get("protocol", PROTOCOL)
    mode = card.params.get("mode") or MODES[protocol]
    speakers = sum(source.role == "foreground" for source in mixture.sources)
    top = "wsj0_2mix_extr" if protocol == "extr" else f"{speakers}speakers"
    rate = f"wav{mixture.sample_rate_hz // 1000}k"
    folder = "mix" if signal == "mixture" else signal
    return f"{top}/{rate}/{mode}/{part_name(card.split)}/{folder}/{mixture.id}.wav"


def part_name(split: str) -> str:
    """Name of a split in the lists: tr, cv or tt."""
    return _PARTS.get(split, split)


def resampled(clip: Clip, sample_rate_hz: int, corpora: Corpora) -> Signal:
    """A clip [T] at the given rate, ceil(frames * rate / own rate) samples long."""
    samples, rate = read_clip(clip, corpora)
    signal = samples.astype(np.float64)
    if rate == sample_rate_hz:
        return signal
    common = math.gcd(rate, sample_rate_hz)
    changed: Signal = resample_poly(signal, sample_rate_hz // common, rate // common)
    return changed


def _signal(source: Source, sample_rate_hz: int, corpora: Corpora) -> Signal:
    signal = resampled(source.clip, sample_rate_hz, corpora)
    if source.impulse_response is not None:
        response = resampled(source.impulse_response, sample_rate_hz, corpora)
        signal = fftconvolve(signal, response)[: len(signal)]
    return signal * source.gain


def _place(signal: Signal, *, onset: int, length: int) -> Signal:
    placed = np.zeros(length)
    fitting = signal[: max(0, length - onset)]
    placed[onset : onset + len(fitting)] = fitting
    return placed


def _written(signals: Signal, quantise: bool) -> Samples:
    """As a 16-bit file holds it; MATLAB's `round` takes halves away from zero."""
    if not quantise:
        return signals.astype(np.float32)
    codes = np.copysign(np.floor(np.abs(signals) * 2.0**15 + 0.5), signals)
    written: Samples = (codes / 2.0**15).astype(np.float32)
    return written
