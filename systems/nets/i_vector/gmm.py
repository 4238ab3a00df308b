"""Gaussian mixtures with diagonal covariances, fitted by expectation-maximisation.

Reynolds, Quatieri and Dunn, "Speaker verification using adapted Gaussian mixture models", Digital Signal Processing 10,
2000: the universal background model of speech.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ....core.progress import ProgressFactory, quiet

_CHUNK = 16384  # frames whose posteriors are in memory at a time
_KMEANS_FRAMES = 100_000
_KMEANS_ROUNDS = 10
_LEAST_OCCUPANCY = 1e-3  # frames; a component with fewer is not updated


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagonalGmm:
    """Σ_c w_c N(x; m_c, diag(v_c))."""

    weights: Tensor  # w [C]
    means: Tensor  # m [C, D]
    variances: Tensor  # v [C, D]

    def log_joint(self, frames: Tensor) -> Tensor:
        """Log w_c N(x; m_c, v_c) [..., C] of frames x [..., D]."""
        inverse = 1.0 / self.variances
        constant = self.weights.log() - 0.5 * (
            self.means.shape[1] * math.log(2.0 * math.pi)
            + self.variances.log().sum(dim=1)
            + (self.means.square() * inverse).sum(dim=1)
        )
        linear, square = self.means * inverse, -0.5 * inverse
        return constant + frames @ linear.T + frames.square() @ square.T


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedGmm:
    """Mixture, and the mean log-likelihood of a frame before each round of EM."""

    gmm: DiagonalGmm
    log_likelihoods: tuple[float, ...]


def fit_gmm(
    frames: Tensor,
    *,
    num_components: int,
    iterations: int,
    variance_floor: float,
    seed: int,
    progress: ProgressFactory = quiet,
) -> FittedGmm:
    """Fit a mixture to frames [M, D], converted to float64 in chunks: k-means, then `iterations` rounds of EM.

    `variance_floor` is the smallest variance, as a fraction of that of all frames.
    """
    spread = frames.double().var(dim=0, correction=0)
    floor = (variance_floor * spread).clamp_min(1e-10)
    gmm = _first(frames, num_components, spread.maximum(floor), seed)
    history = []
    with progress("fitting the background model", iterations) as advance:
        for _ in range(iterations):
            gmm, log_likelihood = _round(gmm, frames, floor)
            history.append(log_likelihood)
            advance(1)
    return FittedGmm(gmm=gmm, log_likelihoods=tuple(history))


def _round(gmm: DiagonalGmm, frames: Tensor, floor: Tensor) -> tuple[DiagonalGmm, float]:
    """One round of EM, and the mean log-likelihood before it."""
    counts, total = torch.zeros_like(gmm.weights), 0.0
    first, second = torch.zeros_like(gmm.means), torch.zeros_like(gmm.means)
    for chunk in torch.split(frames, _CHUNK):
        x = chunk.double()
        joint = gmm.log_joint(x)
        evidence = joint.logsumexp(dim=1, keepdim=True)
        posterior = (joint - evidence).exp()
        counts += posterior.sum(dim=0)
        first += posterior.T @ x
        second += posterior.T @ x.square()
        total += float(evidence.sum())
    used = (counts > _LEAST_OCCUPANCY)[:, None]
    share = counts.clamp_min(_LEAST_OCCUPANCY)[:, None]
    means = torch.where(used, first / share, gmm.means)
    variances = (second / share - means.square()).maximum(floor)
    weights = counts.clamp_min(_LEAST_OCCUPANCY)
    updated = DiagonalGmm(
        weights=weights / weights.sum(), means=means, variances=torch.where(used, variances, gmm.variances)
    )
    return updated, total / len(frames)


def _first(frames: Tensor, num_components: int, spread: Tensor, seed: int) -> DiagonalGmm:
    """Initial mixture: centres of k-means, with the variances [D] of all frames."""
    generator = torch.Generator().manual_seed(seed)
    some = torch.randperm(len(frames), generator=generator)[:_KMEANS_FRAMES].to(frames.device)
    # Distances are in units of the spread: cepstral coefficients differ in size.
    scale = spread.sqrt()
    scaled = frames[some].double() / scale
    centres = k_means(scaled, num_components, generator)
    return DiagonalGmm(
        weights=scaled.new_full((num_components,), 1.0 / num_components),
        means=centres * scale,
        variances=spread.expand(num_components, -1).clone(),
    )


def k_means(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Centres [count, D] of points [M, D]: k-means++ (Arthur and Vassilvitskii, 2007), then Lloyd.

    The generator is on the CPU; identical points may give identical centres.
    """
    centres = points[:1].repeat(count, 1)
    centres[0] = points[int(torch.randint(len(points), (1,), generator=generator))]
    nearest = (points - centres[0]).square().sum(dim=1)
    for k in range(1, count):
        mass = nearest.cumsum(dim=0)
        at = torch.rand(1, generator=generator, dtype=torch.float64).to(mass) * mass[-1]
        index = int(torch.searchsorted(mass, at).clamp_max(len(points) - 1))
        centres[k] = points[index]
        nearest = nearest.minimum((points - centres[k]).square().sum(dim=1))
    for _ in range(_KMEANS_ROUNDS):
        centres = _lloyd(points, centres)
    return centres


def _lloyd(points: Tensor, centres: Tensor) -> Tensor:
    """Move each centre to the mean of its nearest points; a centre without points stays."""
    total, counts = torch.zeros_like(centres), centres.new_zeros(len(centres))
    for chunk in torch.split(points, _CHUNK):
        # ‖x − c‖² without ‖x‖², which is the same for all centres.
        distance = centres.square().sum(dim=1) - 2.0 * chunk @ centres.T
        owner = distance.argmin(dim=1)
        total.index_add_(0, owner, chunk)
        counts.index_add_(0, owner, torch.ones_like(chunk[:, 0]))
    moved = total / counts.clamp_min(1.0)[:, None]
    return torch.where((counts > 0)[:, None], moved, centres)
