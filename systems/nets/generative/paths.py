"""Gaussian paths x_t = a(t)·data + b(t)·start + s(t)·noise between data (t = 0) and a start (t = 1).

Times and coefficients are [B], in float64; signals [B, ...] are real or complex. The noise has variance 1 (of a complex
value: 1/2 for each of its parts). Papers that count from the noise (t' = 1 − t) are named where they do.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ....core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """Weights [B] of data, start and noise at a time, and their derivatives in t.

    Where the noise has no weight, the derivative of its weight may be infinite; it is given as 0 there.
    """

    data: Tensor
    start: Tensor
    noise: Tensor
    data_rate: Tensor
    start_rate: Tensor
    noise_rate: Tensor


class Path(ABC):
    """A Gaussian path.

    Attributes:
        last: default of the smallest time at which a network is evaluated, from which a sampler goes to the data.
        data_at_start: whether the data still has a weight at t = 1, so that noise determines it there.
        finite_diffusion: whether `diffusion_squared` is finite up to t = 1.
    """

    last: float = 0.0
    data_at_start: bool = False
    finite_diffusion: bool = True

    @abstractmethod
    def coefficients(self, t: Tensor) -> Coefficients:
        """Coefficients at times [B] of 0..1."""

    def state(self, *, data: Tensor, start: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """States [B, ...] at times [B]: x_t, the input of a network in training."""
        at = self.coefficients(t)
        return expand(at.data, data) * data + expand(at.start, data) * start + expand(at.noise, data) * noise

    def prior(self, *, start: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """States [B, ...] at times [B], t = 1 as a rule, from which sampling begins: the start stands for the data."""
        return self.state(data=start, start=start, noise=noise, t=t)

    def diffusion_squared(self, t: Tensor) -> Tensor:
        """Squared diffusion g² [B] of the stochastic process dx = (f x + h start) dt + g dw of this path.

        f = a'/a and g² = 2 s s' − 2 f s², infinite where the data has no weight.
        """
        at = self.coefficients(t)
        return 2.0 * at.noise * at.noise_rate - 2.0 * at.data_rate / at.data * at.noise.square()


class OrnsteinUhlenbeck(Path):
    """The OU-VE process, whose mean drifts from the data to the start, as a mixture (Richter et al., 2023, eq. 5).

    dx = θ (start − x) dt + σ_min (σ_max/σ_min)^t √(2 ln(σ_max/σ_min)) dw. Its time is that of the paper. At t = 1 the
    data still has the weight e^−θ: sampling begins with the start in its place.
    """

    last = 0.03
    data_at_start = True

    def __init__(self, *, theta: float = 1.5, sigma_min: float = 0.05, sigma_max: float = 0.5) -> None:
        if not (theta > 0 and 0 < sigma_min < sigma_max):
            raise ConfigError(
                f"an OU-VE path needs theta > 0 and 0 < sigma_min < sigma_max, not theta {theta:g}, sigma_min "
                f"{sigma_min:g}, sigma_max {sigma_max:g}"
            )
        self._theta = theta
        self._sigma_min = sigma_min
        self._log_ratio = math.log(sigma_max / sigma_min)

    def coefficients(self, t: Tensor) -> Coefficients:
        """A = e^−θt, b = 1 − a, s² = σ_min² (r^2t − e^−2θt) ln r / (θ + ln r) with r = σ_max/σ_min (eq. 8)."""
        t = t.double()
        theta, log_ratio = self._theta, self._log_ratio
        data = torch.exp(-theta * t)
        scale = self._sigma_min**2 * log_ratio / (theta + log_ratio)
        growth = torch.exp(2.0 * log_ratio * t)
        variance = scale * (growth - data.square())
        rate = scale * 2.0 * (log_ratio * growth + theta * data.square())
        noise, noise_rate = _root(variance, rate)
        return Coefficients(
            data=data,
            start=1.0 - data,
            noise=noise,
            data_rate=-theta * data,
            start_rate=theta * data,
            noise_rate=noise_rate,
        )

    def diffusion_squared(self, t: Tensor) -> Tensor:
        """g² = 2 σ_min² r^2t ln r, also at t = 0."""
        return 2.0 * self._log_ratio * self._sigma_min**2 * torch.exp(2.0 * self._log_ratio * t.double())


class OptimalTransport(Path):
    """Straight lines from the data to start + σ·noise (Lipman et al., 2023, eq. 20; their time is 1 − t).

    With a start of zero and σ = 1 it is flow matching from Gaussian noise; with a mixture or an estimate as the start
    and a small σ it is the flow of FlowAVSE. In AD-FlowTSE the unknown background takes the place of the noise, and the
    start is zero.
    """

    def __init__(self, *, sigma: float = 1.0, sigma_data: float = 0.0) -> None:
        """Standard deviations of the noise at the start and at the data (σ_min of the paper)."""
        if not sigma >= sigma_data >= 0:
            raise ConfigError(
                f"an OT path needs sigma >= sigma_data >= 0, not sigma {sigma:g}, sigma_data {sigma_data:g}"
            )
        self._sigma = sigma
        self._sigma_data = sigma_data

    def coefficients(self, t: Tensor) -> Coefficients:
        """A = 1 − t, b = t, s = (1 − t) σ_data + t σ."""
        t = t.double()
        one = torch.ones_like(t)
        slope = self._sigma - self._sigma_data
        return Coefficients(
            data=1.0 - t,
            start=t,
            noise=self._sigma_data + slope * t,
            data_rate=-one,
            start_rate=one,
            noise_rate=slope * one,
        )

    def diffusion_squared(self, t: Tensor) -> Tensor:
        """g² = 2 s s', which is finite at t = 1; with any g the reverse process has the marginals of the path."""
        at = self.coefficients(t)
        return 2.0 * at.noise * at.noise_rate


class SchroedingerBridge(Path):
    """The variance-exploding bridge between data and start, with noise in the middle only (Jukić et al., 2024, tab. 1).

    σ_t² = c (k^2t − 1) / (2 ln k), g² = c k^2t; k = 2.6 and c = 0.4 are those of the paper, and so is the time.
    """

    def __init__(self, *, k: float = 2.6, c: float = 0.4) -> None:
        if not (k > 1 and c > 0):
            raise ConfigError(f"a Schrödinger bridge needs k > 1 and c > 0, not k {k:g}, c {c:g}")
        self._k = k
        self._c = c

    def coefficients(self, t: Tensor) -> Coefficients:
        """A = σ̄²/σ_1², b = σ²/σ_1², s = σ σ̄/σ_1 with σ̄² = σ_1² − σ²."""
        t = t.double()
        variance = self._variance(t)
        whole = self._variance(torch.ones_like(t))
        rate = self.diffusion_squared(t)
        rest = whole - variance
        noise, noise_rate = _root(variance * rest / whole, rate * (rest - variance) / whole)
        return Coefficients(
            data=rest / whole,
            start=variance / whole,
            noise=noise,
            data_rate=-rate / whole,
            start_rate=rate / whole,
            noise_rate=noise_rate,
        )

    def diffusion_squared(self, t: Tensor) -> Tensor:
        """g² = c k^2t."""
        return self._c * torch.exp(2.0 * math.log(self._k) * t.double())

    def _variance(self, t: Tensor) -> Tensor:
        log_k = math.log(self._k)
        return self._c * torch.expm1(2.0 * log_k * t) / (2.0 * log_k)


def expand(values: Tensor, like: Tensor) -> Tensor:
    """Values [B] as [B, 1, ...] to be multiplied with signals [B, ...], in their precision and on their device."""
    real = like.real if like.is_complex() else like
    return values.to(real).reshape(-1, *[1] * (like.dim() - 1))


def _root(variance: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """√v and its derivative v'/(2√v), which is 0 where v is."""
    root = variance.clamp_min(0.0).sqrt()
    positive = root > 0
    safe = torch.where(positive, root, torch.ones_like(root))
    return root, torch.where(positive, rate / (2.0 * safe), torch.zeros_like(root))
