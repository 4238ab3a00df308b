"""The renderer of mixtures that another program wrote as files: nothing is mixed, signals are read."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

import numpy as np

from ...core.errors import AudioError
from ..manifest import DatasetCard
from ..protocols.corpus import Corpora, Samples
from ..protocols.renderer import RENDERERS, SOURCE_RENDERERS, TREES, Rendered
from ..signals.clips import read_clip
from ..types import Mixture, Source

MIXED: Final = "mix"
"""Id of the auxiliary source that is the file of the mixture itself."""


@RENDERERS.register("written")
def written(mixture: Mixture, corpora: Corpora) -> Rendered:
    """All signals as their files hold them, in the order of the recipe; the mixture is a file, not their sum."""
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


def _signal(source: Source, mixture: Mixture, corpora: Corpora) -> Samples:
    samples, rate = read_clip(source.clip, corpora)
    if rate != mixture.sample_rate_hz:
        raise AudioError(
            f"file {source.clip.path!r} of corpus {source.clip.corpus!r} is at {rate} Hz, and the set at "
            f"{mixture.sample_rate_hz} Hz; restore it"
        )
    return samples
