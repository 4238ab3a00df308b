"""Samplers of the Schrödinger bridge as the public SGMSE code computes them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from ..nets.generative.noise import Noise
from ..nets.generative.parametrisation import Denoiser
from ..nets.generative.paths import Path, expand

BridgeKind = Literal["ode", "sde"]

_SMALL = 1e-8  # added to divisors and variances by the public code
_LAST = 1e-4  # time at which it stops, with a state and not the network's estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicBridge:
    """First-order solvers of a bridge with σ_t² = c (k^2t − 1)/(2 ln k) (Jukić et al., 2024, eq. 20 and 21).

    Two habits of the public code change its values, and are kept: the network gets the time after a step, not the one
    before it; and the small numbers in the divisors, which cancel out, leave s·(1 − 1/σ_1) more of the degraded signal
    in the first state of the ODE, with the deviation s of the path. `Ddim` on `SchroedingerBridge` has neither.

    Attributes:
        stochastic: draw noise in each step but the last (the SDE), or none at all (the ODE).
    """

    k: float
    c: float
    steps: int
    stochastic: bool

    def evaluations(self, path: Path) -> int:
        """Number of calls of the denoiser for a sample."""
        del path
        return self.steps

    def sample(
        self,
        path: Path,
        denoiser: Denoiser,
        *,
        start: Tensor,
        noise: Noise,
        state: Tensor | None = None,
        first: Tensor | None = None,
    ) -> Tensor:
        """Data [B, ...] from a start [B, ...]; see `Sampler`."""
        del path
        state = start if state is None else state
        first = torch.ones(len(start), dtype=torch.float64, device=start.device) if first is None else first.double()
        grid = [first + (_LAST - first) * index / self.steps for index in range(self.steps + 1)]
        for index, (now, after) in enumerate(pairwise(grid)):
            data = denoiser(state, after)
            if not self.stochastic:
                state = self._flow(state, data, start, now=now, after=after)
                continue
            left = self._variance(after) / (self._variance(now) + _SMALL)
            state = expand(left, state) * state + expand(1.0 - left, state) * data
            if index < self.steps - 1:
                spread = (self._variance(after) * (1.0 - left)).sqrt()
                state = state + expand(spread, state) * noise.draw(state)
        return state

    def _flow(self, state: Tensor, data: Tensor, start: Tensor, *, now: Tensor, after: Tensor) -> Tensor:
        """A step of the ODE from one time [B] to another."""
        before, sigma, whole = (self._variance(t).sqrt() for t in (now, after, torch.ones_like(now)))
        rest_before, rest = (whole.square() - s.square() + _SMALL for s in (before, sigma))
        bar_before, bar = rest_before.sqrt(), rest.sqrt()
        total = whole.square() + _SMALL
        kept = sigma * bar / (before * bar_before + _SMALL)
        of_data = (rest - bar_before * sigma * bar / (before + _SMALL)) / total
        of_start = (sigma.square() - before * sigma * bar / (bar_before + _SMALL)) / total
        return expand(kept, state) * state + expand(of_data, state) * data + expand(of_start, state) * start

    def _variance(self, t: Tensor) -> Tensor:
        """σ² at times [B]."""
        log_k = torch.log(torch.tensor(self.k, dtype=torch.float64))
        return self.c * torch.expm1(2.0 * log_k * t) / (2.0 * log_k)
