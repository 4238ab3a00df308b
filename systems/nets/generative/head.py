"""Output of a network as the posterior mean of a Gaussian whose mean and variance it predicts."""

from __future__ import annotations

from torch import Tensor

from .paths import Coefficients, expand

_SMALLEST_VARIANCE = 1e-6


def posterior_mean(*, mean: Tensor, variance: Tensor, state: Tensor, start: Tensor, at: Coefficients) -> Tensor:
    """Mean of the data given the state, for data of a normal distribution N(μ, v) in each bin.

    μ + k (x_t − a μ − b·start) with k = a v / (a² v + s²). The network need not learn to pass the state on: k is 1/a
    where there is no noise and 0 where there is only noise.

    Args:
        mean: μ [B, ...], real or complex.
        variance: v [B, ...], real; of a complex value: of each of its parts.
        state: x_t [B, ...].
        start: start of the path [B, ...].
        at: coefficients of the path at the time of the state.
    """
    data = expand(at.data, variance)
    # The noise of a complex value has the variance 1/2 in each part.
    noise = expand(at.noise.square(), variance) * (0.5 if state.is_complex() else 1.0)
    gain = data * variance / (data.square() * variance + noise + _SMALLEST_VARIANCE)
    return mean + gain * (state - data * mean - expand(at.start, variance) * start)
