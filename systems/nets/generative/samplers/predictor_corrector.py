"""Reverse stochastic process by Euler-Maruyama steps, each after steps of annealed Langevin dynamics."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .....core.errors import ConfigError
from ..noise import Noise
from ..parametrisation import Denoiser, convert
from ..paths import Path, expand
from .sampler import Stepped


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorCorrector(Stepped):
    """The sampler of SGMSE+ (Richter et al., 2023, alg. 1; Song et al., 2021), whose defaults are those of its code.

    The predictor is the reverse of dx = f dt + g dw, dx = (velocity − g²/2·score) dt + g dw. The corrector moves by
    2 (r s)² along the score and adds noise of twice that variance. The last step adds no noise.

    Attributes:
        corrector_steps: steps of the corrector before each of the predictor; 0 is the stochastic process alone.
        snr: r, the step of the corrector over the standard deviation s of the noise.
    """

    steps: int = 30
    corrector_steps: int = 1
    snr: float = 0.5

    def evaluations(self, path: Path) -> int:
        """Number of calls of the denoiser for a sample."""
        del path
        return self.steps * (1 + self.corrector_steps)

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
        """Data [B, ...]; see `Sampler`.

        Raises:
            ConfigError: the diffusion of the path is not finite at its start, as with zero terminal SNR.
        """
        if first is None and not path.finite_diffusion:
            raise ConfigError(
                f"the stochastic process of a {type(path).__name__} path begins with infinite diffusion; use the "
                "sampler 'ddim' with eta 1, or a path without zero terminal SNR"
            )
        state, grid = self.begin(path, start=start, noise=noise, state=state, first=first)
        for index in range(self.steps):
            now, after = grid[index], grid[index + 1]
            for _ in range(self.corrector_steps):
                state = self._corrected(path, denoiser, state, start=start, noise=noise, t=now)
            data = denoiser(state, now)
            velocity = convert(data, kind="data", to="velocity", path=path, state=state, start=start, t=now)
            score = convert(data, kind="data", to="score", path=path, state=state, start=start, t=now)
            diffusion = path.diffusion_squared(now)
            state = state + expand(after - now, state) * (velocity - expand(diffusion / 2.0, state) * score)
            if not self.to_data or index < self.steps - 1:
                state = state + expand((diffusion * (now - after)).sqrt(), state) * noise.draw(state)
        return state

    def _corrected(
        self, path: Path, denoiser: Denoiser, state: Tensor, *, start: Tensor, noise: Noise, t: Tensor
    ) -> Tensor:
        data = denoiser(state, t)
        score = convert(data, kind="data", to="score", path=path, state=state, start=start, t=t)
        step = 2.0 * (self.snr * path.coefficients(t).noise).square()
        return state + expand(step, state) * score + expand((2.0 * step).sqrt(), state) * noise.draw(state)
