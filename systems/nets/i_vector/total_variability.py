"""Total-variability model: recording-dependent shifts of the background model.

A recording's supervector of means is m + T w with w ~ N(0, I) (Dehak et al., "Front-end factor analysis for speaker
verification", IEEE TASLP 19(4), 2011, eq. 4). T is fitted by the EM of Kenny, Boulianne and Dumouchel, "Eigenvoice
modeling with sparse training data", IEEE TSAP 13(3), 2005; the covariances stay those of the background model.
First-order statistics are centred on its means and, like the rows of T, divided by its standard deviations, so that Σ
is the identity throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....core.progress import ProgressFactory, quiet
from .gmm import DiagonalGmm

_BATCH = 64  # recordings whose posteriors are in memory at a time
_FIRST_SCALE = 0.1  # of the initial T, in standard deviations of the frames
_LEAST_OCCUPANCY = 1e-3  # frames; a component with fewer over all recordings keeps its T


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Baum-Welch statistics of B recordings (Dehak et al., 2011, eq. 6 and 8)."""

    zeroth: Tensor  # frames of each component N [B, C]
    first: Tensor  # Σ_t γ_tc (x_t − m_c) / √v_c [B, C, D]

    def __len__(self) -> int:
        return len(self.zeroth)

    def part(self, start: int, count: int) -> Statistics:
        """`count` recordings from `start` on, in float64."""
        rows = slice(start, start + count)
        return Statistics(zeroth=self.zeroth[rows].double(), first=self.first[rows].double())


def statistics(gmm: DiagonalGmm, features: Tensor, active: Tensor) -> Statistics:
    """Statistics of recordings under a float64 background model, from features [B, K, D].

    `active` [B, K] bool marks frames of speech.
    """
    posterior = gmm.log_joint(features).softmax(dim=-1) * active[:, :, None]
    zeroth = posterior.sum(dim=1)
    total = posterior.transpose(1, 2) @ features
    first = (total - zeroth[:, :, None] * gmm.means) / gmm.variances.sqrt()
    return Statistics(zeroth=zeroth, first=first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """N(w; mean, precision⁻¹) of B recordings, and their likelihood."""

    mean: Tensor  # the i-vectors [B, R]
    covariance: Tensor  # [B, R, R]
    log_likelihood: Tensor  # [B], log of ∫ p(statistics | w) p(w) dw / p(statistics | w = 0)


def posterior(total_variability: Tensor, stats: Statistics) -> Posterior:
    """Posterior of w (Kenny et al., 2005, prop. 1 and 2; Dehak et al., 2011, eq. 5), for T / √v [C, D, R]."""
    gram = total_variability.transpose(1, 2) @ total_variability
    size = gram.shape[-1]
    weighted = (stats.zeroth @ gram.flatten(1)).view(-1, size, size)
    precision = weighted + torch.eye(size, dtype=gram.dtype, device=gram.device)
    factor = torch.linalg.cholesky(precision)
    projected = (stats.first.flatten(1) @ total_variability.flatten(0, 1))[:, :, None]
    mean = torch.cholesky_solve(projected, factor)
    log_det = 2.0 * factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    explained = (projected * mean).sum(dim=(1, 2))
    return Posterior(
        mean=mean[:, :, 0], covariance=torch.cholesky_inverse(factor), log_likelihood=0.5 * (explained - log_det)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedVariability:
    """T / √v [C, D, R], and the mean log-likelihood of a recording before each round."""

    matrix: Tensor
    log_likelihoods: tuple[float, ...]


def fit_total_variability(
    stats: Statistics, *, dim: int, iterations: int, seed: int, progress: ProgressFactory = quiet
) -> FittedVariability:
    """Fit T by EM to the statistics of many recordings, float32 to save memory; sums are float64."""
    generator = torch.Generator().manual_seed(seed)
    _, components, features = stats.first.shape
    start = torch.randn(components, features, dim, generator=generator, dtype=torch.float64)
    matrix, history = _FIRST_SCALE * start.to(stats.first.device), []
    with progress("fitting the total variability", iterations) as advance:
        for _ in range(iterations):
            matrix, log_likelihood = _round(matrix, stats)
            history.append(log_likelihood)
            advance(1)
    return FittedVariability(matrix=matrix, log_likelihoods=tuple(history))


def _round(matrix: Tensor, stats: Statistics) -> tuple[Tensor, float]:
    """One round of EM, and the mean log-likelihood before it."""
    components, _, dim = matrix.shape
    moments = matrix.new_zeros(components, dim * dim)  # A_c = Σ_u N_uc E[w wᵀ]
    products = torch.zeros_like(matrix)  # C_c = Σ_u F_uc E[w]ᵀ
    prior, total = matrix.new_zeros(dim, dim), 0.0
    for start in range(0, len(stats), _BATCH):
        part = stats.part(start, _BATCH)
        answer = posterior(matrix, part)
        second = answer.covariance + answer.mean[:, :, None] * answer.mean[:, None, :]
        moments += part.zeroth.T @ second.flatten(1)
        products += torch.einsum("ucd,ur->cdr", part.first, answer.mean)
        prior += second.sum(dim=0)
        total += float(answer.log_likelihood.sum())
    used = stats.zeroth.double().sum(dim=0) > _LEAST_OCCUPANCY
    updated = matrix.clone()
    # T_c A_c = C_c (Kenny et al., 2005, prop. 3).
    normal = moments.view(components, dim, dim)[used]
    updated[used] = torch.linalg.solve(normal, products[used].transpose(1, 2)).transpose(1, 2)
    # Minimum divergence: the best prior of w is merged into T, which speeds up EM (Kenny, "Joint factor analysis of
    # speaker and session variability", 2005).
    return updated @ torch.linalg.cholesky(prior / len(stats)), total / len(stats)
