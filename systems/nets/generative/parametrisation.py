"""What a network predicts, data, noise, velocity, v or score, and its conversion along a path.

Each is a sum c_d·data + c_n·noise + c_y·start with coefficients of the path, and so is the state: two equations that
are solved for data and noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from ....core.errors import ConfigError
from .paths import Coefficients, Path, expand

Parametrisation = Literal["data", "noise", "velocity", "v", "score"]
"""`velocity` is dx/dt with t rising to the start; `v` is a·noise − s·data (Salimans and Ho, 2022); `score` −noise/s."""

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""States [B, ...] and times [B] to estimates of the data [B, ...]."""


def data_and_noise(
    predicted: Tensor, kind: Parametrisation, *, path: Path, state: Tensor, start: Tensor, t: Tensor
) -> tuple[Tensor, Tensor]:
    """Data and noise [B, ...] of a prediction [B, ...] of `kind` at a state [B, ...] and times [B].

    Where neither the state nor the prediction tells of the noise, it is 0. The data is not finite where they do not
    tell of it: of predicted noise or score where the data has no weight.
    """
    at = path.coefficients(t)
    rest = state - expand(at.start, state) * start
    if kind == "data":
        return predicted, _divided(rest - expand(at.data, state) * predicted, at.noise)
    if kind == "score":
        predicted, kind = -expand(at.noise, state) * predicted, "noise"
    data, noise, known = _weights(kind, at)
    # Without any noise the prediction alone gives the data: (0, 1) stands in for the weights of noise and state.
    noiseless = (at.noise == 0) & (noise == 0)
    in_state = torch.where(noiseless, 1.0, at.noise)
    data_in_state = torch.where(noiseless, 0.0, at.data)
    determinant = expand(data_in_state * noise - in_state * data, state)
    predicted = predicted - expand(known, state) * start
    rest = torch.where(expand(noiseless, state).bool(), torch.zeros_like(rest), rest)
    found_data = (expand(noise, state) * rest - expand(in_state, state) * predicted) / determinant
    found_noise = (expand(data_in_state, state) * predicted - expand(data, state) * rest) / determinant
    return found_data, found_noise


def from_data_and_noise(
    data: Tensor, noise: Tensor, kind: Parametrisation, *, path: Path, start: Tensor, t: Tensor
) -> Tensor:
    """The quantity of `kind` [B, ...], the target of a network in training, from data, noise and start."""
    at = path.coefficients(t)
    if kind == "score":
        return _divided(-noise, at.noise)
    weights = [expand(each, data) for each in _weights(kind, at)]
    return weights[0] * data + weights[1] * noise + weights[2] * start


def convert(
    predicted: Tensor,
    *,
    kind: Parametrisation,
    to: Parametrisation,
    path: Path,
    state: Tensor,
    start: Tensor,
    t: Tensor,
) -> Tensor:
    """A prediction [B, ...] of `kind` at a state [B, ...] as one of the parametrisation `to`."""
    if kind == to:
        return predicted
    data, noise = data_and_noise(predicted, kind, path=path, state=state, start=start, t=t)
    return from_data_and_noise(data, noise, to, path=path, start=start, t=t)


def denoiser(net: Denoiser, kind: Parametrisation, *, path: Path, start: Tensor) -> Denoiser:
    """The estimate of the data by a network that predicts `kind`.

    Raises:
        ConfigError: the network predicts noise or score, which says nothing of the data at the start of the path.
    """
    if kind in {"noise", "score"} and not path.data_at_start:
        raise ConfigError(
            f"a network that predicts the {kind} cannot begin on a {type(path).__name__} path, at whose start the data "
            'has no weight; predict "data", "velocity" or "v"'
        )

    def estimate(state: Tensor, t: Tensor) -> Tensor:
        return convert(net(state, t), kind=kind, to="data", path=path, state=state, start=start, t=t)

    return estimate


def gaussian_posterior(
    state: Tensor, *, mean: Tensor, variance: Tensor, path: Path, start: Tensor, t: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [B, ...] of normal data of known `mean` and `variance`, given a state.

    A skip path for networks, data = posterior mean + posterior std·net: with a net of 0 it is the exact denoiser of
    data that is spread by `variance` around an initial estimate. `variance` broadcasts with the state; for complex data
    it is that of both parts together.
    """
    at = path.coefficients(t)
    data, noise = expand(at.data, state), expand(at.noise, state)
    spread = data.square() * variance + noise.square()
    certain = spread == 0
    spread = torch.where(certain, torch.ones_like(spread), spread)
    rest = state - data * mean - expand(at.start, state) * start
    std = torch.where(certain, variance, variance * noise.square() / spread).sqrt()
    return mean + data * variance / spread * rest, std


def _weights(kind: Parametrisation, at: Coefficients) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients [B] of data, noise and start in a quantity that is not the score."""
    zero, one = torch.zeros_like(at.data), torch.ones_like(at.data)
    if kind == "data":
        return one, zero, zero
    if kind == "noise":
        return zero, one, zero
    if kind == "velocity":
        return at.data_rate, at.noise_rate, at.start_rate
    return -at.noise, at.data, zero


def _divided(values: Tensor, weight: Tensor) -> Tensor:
    """Values [B, ...] over weights [B]; 0 where the weight is."""
    divisor = expand(weight, values)
    safe = torch.where(divisor == 0, torch.ones_like(divisor), divisor)
    return torch.where(divisor == 0, torch.zeros_like(values), values / safe)
