"""Samplers by their names in a config or in the options of a system."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from .....core.validation import StrictModel
from .ddim import Ddim
from .ode import ProbabilityFlow
from .predictor_corrector import PredictorCorrector
from .sampler import Sampler

SamplerName = Literal["euler", "midpoint", "heun", "ddim", "predictor_corrector"]
SAMPLER_NAMES: tuple[SamplerName, ...] = get_args(SamplerName)


class SamplerConfig(StrictModel):
    """How a sample is drawn.

    Attributes:
        name: "euler", "midpoint" or "heun", steps along the probability flow; "ddim"; or "predictor_corrector", the
            reverse stochastic process.
        steps: number of steps; a step has one evaluation of the network, or two with "midpoint" and "heun", or one and
            `corrector_steps`.
        eta: share of fresh noise of "ddim", from 0 (deterministic but for the first noise) to 1.
        corrector_steps: steps of Langevin dynamics before each step of "predictor_corrector".
        corrector_snr: size of their steps over the noise of the state (r of SGMSE).
        last: smallest time at which the network is evaluated, of 0..1; null: that of the path.
    """

    name: SamplerName = "euler"
    steps: Annotated[int, Field(ge=1, le=10_000)] = 1
    eta: Annotated[float, Field(ge=0, le=1)] = 0.0
    corrector_steps: Annotated[int, Field(ge=0, le=100)] = 1
    corrector_snr: Annotated[float, Field(gt=0)] = 0.5
    last: Annotated[float, Field(ge=0, lt=1)] | None = None

    def build(self) -> Sampler:
        """Create the sampler."""
        if self.name == "ddim":
            return Ddim(steps=self.steps, eta=self.eta, last=self.last)
        if self.name == "predictor_corrector":
            return PredictorCorrector(
                steps=self.steps, corrector_steps=self.corrector_steps, snr=self.corrector_snr, last=self.last
            )
        return ProbabilityFlow(steps=self.steps, method=self.name, last=self.last)
