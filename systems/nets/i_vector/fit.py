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

_SMALLEST_SHARE = 1e-6  # smallest variance of a direction of the i-vectors, relative to the largest
_SMALLEST_SPREAD = 1e-12  # identical recordings are not amplified to noise
_BATCH = 64  # recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """Data that an extractor was fitted to."""

    recordings: int  # their number
    seconds: float  # of speech in them, by the energy detector


@torch.no_grad()
def fit_extractor(
    extractor: IVectorExtractor, recordings: Recordings, *, seed: int, progress: ProgressFactory = quiet
) -> FitReport:
    """Fit an extractor in place; the result depends on recordings and seed alone.

    Memory holds some frames of each recording, then the statistics of each, and never the recordings.
    """
    config = extractor.config
    frames, count, total = _some_frames(extractor, recordings, progress)
    gmm = fit_gmm(
        frames,
        num_components=config.ubm_components,
        iterations=config.ubm_rounds,
        variance_floor=config.ubm_variance_floor,
        seed=seed,
        progress=progress,
    ).gmm
    extractor.ubm_weights.copy_(gmm.weights)
    extractor.ubm_means.copy_(gmm.means)
    extractor.ubm_variances.copy_(gmm.variances)
    del frames
    stats = _statistics(extractor, recordings, count, progress)
    variability = fit_total_variability(
        stats, dim=config.i_vector_dim, iterations=config.i_vector_rounds, seed=seed, progress=progress
    )
    extractor.total_variability.copy_(variability.matrix)
    _whiten(extractor, stats)
    return FitReport(recordings=count, seconds=total * config.mfcc_stride / config.mfcc_rate_hz)


def _some_frames(
    extractor: IVectorExtractor, recordings: Recordings, progress: ProgressFactory
) -> tuple[Tensor, int, int]:
    """Frames of speech [M, D] for the background model, and the numbers of recordings and of all frames."""
    config = extractor.config
    quota = max(1, config.ubm_frames // config.i_vector_recordings)
    chosen, count, total = [], 0, 0
    with progress("features for i-vectors", config.i_vector_recordings) as advance:
        for signals, lengths in recordings():
            for features, active in zip(*extractor.features(signals, lengths), strict=True):
                spoken = features[active]
                step = max(1.0, len(spoken) / quota)
                index = (torch.arange(min(quota, len(spoken))) * step).long()
                chosen.append(spoken[index.to(spoken.device)].float())
                total += len(spoken)
            count += len(signals)
            advance(len(signals))
    return torch.cat(chosen), count, total


def _statistics(
    extractor: IVectorExtractor, recordings: Recordings, count: int, progress: ProgressFactory
) -> Statistics:
    """Statistics of all recordings, in float32 to halve the memory."""
    zeroth, first = [], []
    with progress("statistics for i-vectors", count) as advance:
        for signals, lengths in recordings():
            stats = extractor.statistics(signals, lengths)
            zeroth.append(stats.zeroth.float())
            first.append(stats.first.float())
            advance(len(signals))
    return Statistics(zeroth=torch.cat(zeroth), first=torch.cat(first))


def _whiten(extractor: IVectorExtractor, stats: Statistics) -> None:
    """Centre and whiten the i-vectors of these statistics."""
    starts = range(0, len(stats), _BATCH)
    vectors = torch.cat([extractor.raw(stats.part(start, _BATCH)) for start in starts])
    centre = vectors.mean(dim=0)
    spread = torch.cov(vectors.T, correction=0)
    values, directions = torch.linalg.eigh(spread.reshape(len(centre), len(centre)))
    least = max(_SMALLEST_SHARE * float(values.max()), _SMALLEST_SPREAD)
    scale = values.clamp_min(least).rsqrt()
    extractor.centre.copy_(centre)
    extractor.whitening.copy_(scale[:, None] * directions.T)
