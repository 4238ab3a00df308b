"""The probability-flow equation dx/dt = a'·data + b'·start + s'·noise, solved with the estimates of a denoiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ..noise import Noise
from ..parametrisation import Denoiser, convert
from ..paths import Path, expand
from .sampler import Stepped

OdeMethod = Literal["euler", "midpoint", "heun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityFlow(Stepped):
    """Deterministic but for the first noise; errors fall with the steps (Euler) or their square (midpoint, Heun).

    The last step to t = 0 takes the estimate of the data, since the velocity need not exist there. On a straight path
    that is Euler's step. Only "midpoint" makes its own last step, if `last` is 0.

    Attributes:
        method: "euler", with 1 evaluation a step; "midpoint" or "heun", with 2, or 1 in the last step to the data. An
            evaluation of "midpoint" may lie between `last` and 0.
    """

    method: OdeMethod = "euler"

    def evaluations(self, path: Path) -> int:
        """Number of calls of the denoiser for a sample."""
        each = 1 if self.method == "euler" else 2
        return each * self.steps - (each - 1 if self._jumps(path) else 0)

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
        jumps = self._jumps(path)

        def velocity(state: Tensor, t: Tensor) -> Tensor:
            data = denoiser(state, t)
            return convert(data, kind="data", to="velocity", path=path, state=state, start=start, t=t)

        for index in range(self.steps):
            now, after = grid[index], grid[index + 1]
            if jumps and index == self.steps - 1:
                return denoiser(state, now)
            step = expand(after - now, state)
            here = velocity(state, now)
            if self.method == "midpoint":
                middle = (now + after) / 2.0
                here = velocity(state + step / 2.0 * here, middle)
            elif self.method == "heun":
                here = (here + velocity(state + step * here, after)) / 2.0
            state = state + step * here
        return state

    def _jumps(self, path: Path) -> bool:
        """Whether the last step takes the estimate of the data."""
        return self.to_data and not (self.method == "midpoint" and self.last_time(path) == 0)
