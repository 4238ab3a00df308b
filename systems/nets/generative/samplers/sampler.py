"""Interface and base of samplers, their times, and the count of network evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..noise import Noise
from ..parametrisation import Denoiser
from ..paths import Path


class Sampler(Protocol):
    """A way along a path.

    Attributes:
        steps: number of steps.
    """

    @property
    def steps(self) -> int:
        """Number of steps."""
        ...

    def evaluations(self, path: Path) -> int:
        """Number of calls of the denoiser for a sample."""
        ...

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
        """Data [B, ...] from a start [B, ...], which is zero for a path from noise alone.

        Args:
            state: where to begin [B, ...], instead of the prior of the path.
            first: times [B] at which to begin, instead of 1, as a mixing ratio.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """Base of samplers whose times are those of `times`.

    Attributes:
        steps: number of steps, each with one evaluation unless a sampler says otherwise.
        last: smallest time of an evaluation; None: that of the path.
        to_data: False stops at `last`, with a state of the path.
    """

    steps: int
    last: float | None = None
    to_data: bool = True

    def evaluations(self, path: Path) -> int:
        """Number of calls of the denoiser for a sample."""
        del path
        return self.steps

    def last_time(self, path: Path) -> float:
        """Smallest time of an evaluation on a path."""
        return path.last if self.last is None else self.last

    def begin(
        self, path: Path, *, start: Tensor, noise: Noise, state: Tensor | None, first: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The first state [B, ...], and the times [steps + 1, B], by the arguments of `Sampler.sample`."""
        if first is None:
            first = torch.ones(len(start), dtype=torch.float64, device=start.device)
        if state is None:
            state = path.prior(start=start, noise=noise.draw(start), t=first)
        return state, times(self.steps, first=first, last=self.last_time(path), to_data=self.to_data)


class Counted:
    """A denoiser that counts its calls.

    Attributes:
        evaluations: calls so far.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self.evaluations = 0
        self._denoiser = denoiser

    def __call__(self, state: Tensor, t: Tensor) -> Tensor:
        """As the denoiser itself."""
        self.evaluations += 1
        return self._denoiser(state, t)


def times(steps: int, *, first: Tensor, last: float, to_data: bool = True) -> Tensor:
    """Falling times [steps + 1, B] in float64, from `first` [B].

    Equal steps to `last`, of which the last step goes from `last` to 0 (as the public SGMSE does), or, with `to_data =
    False`, ends there. With `last = 0` all steps are equal.
    """
    first = first.double()
    apart = to_data and last > 0 and steps > 1
    intervals = steps - 1 if apart else steps
    end = 0.0 if to_data and not apart else last
    share = torch.linspace(0.0, 1.0, intervals + 1, dtype=torch.float64, device=first.device)[:, None]
    grid = first + (end - first) * share
    grid[-1] = end
    return torch.cat([grid, torch.zeros_like(grid[:1])]) if apart else grid
