"""The renderer of mixtures that another program wrote as files: nothing is mixed, signals are read."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

import numpy as np

from ...core.errors import AudioError
from ..manifest import DatasetCard
from ..protocols.corpus import Corpora, Samples
from ..protocols.renderer import RENDERERS, SOURCE_RENDERERS, TREES, Rendered, of_channels
from ..signals.clips import read_channels, read_clip
from ..types import Mixture, Source

MIXED: Final = "mix"
"""Id of the auxiliary source that is the file of the mixture itself."""


@RENDERERS.register("written")
def written(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All signals as their files hold them, in the order of the recipe; the mixture is a file, not their sum."""
    if mixture.channels > 1:
        return _of_channels(mixture, corpora)
    signals = {source.id: _signal(source, mixture, corpora) for source in mixture.sources}
    sources = np.zeros((len(signals), mixture.num_samples), dtype=np.float32)
    for row, signal in zip(sources, signals.values(), strict=True):
        fitting = signal[: mixture.num_samples]
        row[: len(fitting)] = fitting
    aside = {s.id: signals[s.id] for s in mixture.sources if s.role == "auxiliary" and s.id != MIXED}
    return Rendered(sources=sources, mixture=signals[MIXED].copy(), auxiliary=aside)


@SOURCE_RENDERERS.register("written")
def written_source(mixture: Mixture, source_id: str, corpora: Corpora) -> Samples:
    """One signal [T], without reading the others."""
    return _signal(next(source for source in mixture.sources if source.id == source_id), mixture, corpora)


@TREES.register("written")
def written_tree(_card: DatasetCard, mixture: Mixture, signal: str) -> str:
    """The paths that the files were read from, as wav files."""
    wanted = MIXED if signal == "mixture" else signal
    path = next(source.clip.path for source in mixture.sources if source.id == wanted)
    return PurePosixPath(path).with_suffix(".wav").as_posix()


def _of_channels(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All channels of all signals but auxiliary ones, which are one channel of their files."""
    sources = np.zeros((len(mixture.sources), mixture.channels, mixture.num_samples), dtype=np.float32)
    aside: dict[str, Samples] = {}
    for place, source in enumerate(mixture.sources):
        if source.role == "auxiliary" and source.id != MIXED:
            aside[source.id] = _signal(source, mixture, corpora)
            fitting = aside[source.id][: mixture.num_samples]
            sources[place, :, : len(fitting)] = fitting
            continue
        sources[place], rate = read_channels(source.clip, corpora, channels=mixture.channels)
        _check_rate(source, rate, mixture)
    whole = next(signal for signal, source in zip(sources, mixture.sources, strict=True) if source.id == MIXED)
    return of_channels(mixture, sources, whole.copy(), aside)


def _signal(source: Source, mixture: Mixture, corpora: Corpora) -> Samples:
    samples, rate = read_clip(source.clip, corpora)
    _check_rate(source, rate, mixture)
    return samples


def _check_rate(source: Source, rate: int, mixture: Mixture) -> None:
    if rate != mixture.sample_rate_hz:
        raise AudioError(
            f"file {source.clip.path!r} of corpus {source.clip.corpus!r} is at {rate} Hz, and the set at "
            f"{mixture.sample_rate_hz} Hz; restore it"
        )
