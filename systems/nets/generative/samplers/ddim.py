"""DDIM on any Gaussian path: the noise of a state is kept, or drawn anew in part (Song et al., 2021, eq. 12 and 16)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise import Noise
from ..parametrisation import Denoiser, data_and_noise
from ..paths import Path, expand
from .sampler import Stepped


@dataclass(frozen=True, slots=True, kw_only=True)
class Ddim(Stepped):
    """x_u = a_u·data + b_u·start + √(s_u² − c²)·noise + c·fresh noise, from time t to u < t.

    c = η·(s_u/s_t)·√(s_t² − (a_t/a_u)² s_u²), which with η = 1 is the spread of x_u given x_t and the data. In few
    steps samples then spread less than the data. With η = 0 it is the first-order solver of a Schrödinger bridge (Jukić
    et al., 2024). On a variance-preserving path its times are the "trailing" ones.

    Attributes:
        eta: η, 0 (deterministic but for the first noise) to 1.
        limit: estimates of the data are cut to ±limit; the noise that is kept is that of the estimate before, as in
            diffusers. None does not cut.
    """

    eta: float = 0.0
    limit: float | None = None

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
        """Data [B, ...]; see `Sampler`."""
        state, grid = self.begin(path, start=start, noise=noise, state=state, first=first)
        for index in range(self.steps):
            now, after = grid[index], grid[index + 1]
            estimate = denoiser(state, now)
            data = estimate if self.limit is None else estimate.clamp(-self.limit, self.limit)
            if self.to_data and index == self.steps - 1:
                return data
            _, kept = data_and_noise(estimate, "data", path=path, state=state, start=start, t=now)
            at = path.coefficients(after)
            fresh = self.eta * posterior_std(path, now, after)
            rest = (at.noise.square() - fresh.square()).clamp_min(0.0).sqrt()
            state = expand(at.data, state) * data + expand(at.start, state) * start + expand(rest, state) * kept
            if self.eta > 0:
                state = state + expand(fresh, state) * noise.draw(state)
        return state


def posterior_std(path: Path, now: Tensor, after: Tensor) -> Tensor:
    """Standard deviation [B] of the state at times `after` [B], given the state at `now` > `after` and the data."""
    at, to = path.coefficients(now), path.coefficients(after)
    passed = at.noise.square() - (at.data / to.data * to.noise).square()
    share = to.noise / torch.where(at.noise > 0, at.noise, torch.ones_like(at.noise))
    return share * passed.clamp_min(0.0).sqrt()
