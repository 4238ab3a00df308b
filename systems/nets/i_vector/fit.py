"""Fit an i-vector extractor to recordings: background model, total variability, whitening."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ....core.progress import ProgressFactory, quiet
from .extractor import IVectorExtractor
from .gmm import fit_gmm
from .total_variability import Statistics, fit_total_variability

Recordings = Callable[[], Iterable[tuple[Tensor, Tensor]]]
"""Batches of signals [B, T] and lengths [B], the same at each call; called twice."""

_SMALLEST_SHARE = 1e-6  # of a direction in the spread of i-vectors, to the largest
_SMALLEST_SPREAD = 1e-12  # recordings that are all the same are not blown up to noise
_BATCH = 64  # recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """What an extractor was fitted to, and how well.

    Attributes:
        recordings: number of them.
        seconds: of speech in them, by the energy detector.
        ubm_log_likelihoods: of a frame, before each round.
        log_likelihoods: of a recording relative to the background model, before each round.
    """

    recordings: int
    seconds: float
    ubm_log_likelihoods: tuple[float, ...]
    log_likelihoods: tuple[float, ...]


@torch.no_grad()
def fit_extractor(
    extractor: IVectorExtractor, recordings: Recordings, *, seed: int, progress: ProgressFactory = quiet
) -> FitReport:
    """Give an extractor its values; the same ones for the same recordings and seed.

    Memory holds some frames of each recording, then the statistics of each, and never the
    recordings.

    Args:
        extractor: is changed.
        recordings: gone through twice.
        seed: of the starts of both EMs.
        progress: of the recordings, and of the rounds.
    """
    config = extractor.config
    frames, count, total = _some_frames(extractor, recordings, progress)
    background = fit_gmm(
        frames,
        num_components=config.ubm_components,
        iterations=config.ubm_rounds,
        variance_floor=config.ubm_variance_floor,
        seed=seed,
        progress=progress,
    )
    extractor.ubm_weights.copy_(background.gmm.weights)
    extractor.ubm_means.copy_(background.gmm.means)
    extractor.ubm_variances.copy_(background.gmm.variances)
    del frames
    heard = _statistics(extractor, recordings, count, progress)
    variability = fit_total_variability(
        heard, dim=config.i_vector_dim, iterations=config.i_vector_rounds, seed=seed, progress=progress
    )
    extractor.total_variability.copy_(variability.matrix)
    _whiten(extractor, heard)
    return FitReport(
        recordings=count,
        seconds=total * config.mfcc_stride / config.mfcc_rate_hz,
        ubm_log_likelihoods=background.log_likelihoods,
        log_likelihoods=variability.log_likelihoods,
    )


def _some_frames(
    extractor: IVectorExtractor, recordings: Recordings, progress: ProgressFactory
) -> tuple[Tensor, int, int]:
    """Frames of speech [M, D] for the background model; how many recordings, and frames in all."""
    config = extractor.config
    quota = max(1, config.ubm_frames // config.i_vector_recordings)
    kept, count, total = [], 0, 0
    with progress("features for i-vectors", config.i_vector_recordings) as advance:
        for signals, lengths in recordings():
            for features, active in zip(*extractor.features(signals, lengths), strict=True):
                spoken = features[active]
                step = max(1.0, len(spoken) / quota)
                chosen = (torch.arange(min(quota, len(spoken))) * step).long()
                kept.append(spoken[chosen.to(spoken.device)].float())
                total += len(spoken)
            count += len(signals)
            advance(len(signals))
    return torch.cat(kept), count, total


def _statistics(
    extractor: IVectorExtractor, recordings: Recordings, count: int, progress: ProgressFactory
) -> Statistics:
    """Statistics of all recordings, in float32 to halve the memory."""
    zeroth, first = [], []
    with progress("statistics for i-vectors", count) as advance:
        for signals, lengths in recordings():
            heard = extractor.statistics(signals, lengths)
            zeroth.append(heard.zeroth.float())
            first.append(heard.first.float())
            advance(len(signals))
    return Statistics(zeroth=torch.cat(zeroth), first=torch.cat(first))


def _whiten(extractor: IVectorExtractor, heard: Statistics) -> None:
    """Centre and whiten the i-vectors of these statistics."""
    starts = range(0, len(heard), _BATCH)
    vectors = torch.cat([extractor.raw(heard.part(start, _BATCH)) for start in starts])
    centre = vectors.mean(dim=0)
    spread = torch.cov(vectors.T, correction=0)
    values, directions = torch.linalg.eigh(spread.reshape(len(centre), len(centre)))
    least = max(_SMALLEST_SHARE * float(values.max()), _SMALLEST_SPREAD)
    scale = values.clamp_min(least).rsqrt()
    extractor.centre.copy_(centre)
    extractor.whitening.copy_(scale[:, None] * directions.T)
