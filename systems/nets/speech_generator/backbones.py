"""Networks on spectra that predict what a path needs, from a state, its time and the conditions."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..generative.dilated import DilatedNet
from ..generative.ncsnpp.config import NcsnppConfig
from ..generative.ncsnpp.net import Ncsnpp, pad_frames
from ..generative.parametrisation import Parametrisation
from ..generative.paths import Coefficients, Path, expand
from ..generative.spectra import from_channels, to_channels
from .given import SpeechConditions

_VARIANCE = 0.04  # of the data around the centre before training
_SPREAD = 0.3  # standard deviation of the data around the centre, to scale the input
_LOG_LIMIT = 8.0
_SMALLEST_VARIANCE = 1e-6


class Backbone(Protocol):
    """A network on spectra.

    Attributes:
        kind: what it predicts.
    """

    kind: Parametrisation

    def __call__(self, state: Tensor, t: Tensor, given: SpeechConditions) -> Tensor:
        """States [B, F, K] and times [B] to predictions [B, F, K]."""
        ...


class DilatedBackbone(nn.Module):
    """The embedded network: mean and variance in each bin by dilated convolutions; it predicts the data.

    It begins as the posterior mean of data around the centre (the initial estimate).
    """

    kind: Parametrisation = "data"

    def __init__(
        self, *, path: Path, bins: int, is_complex: bool, clue_dim: int, channels: int, blocks: int, embedding_dim: int
    ) -> None:
        super().__init__()
        self._path = path
        self._bins = bins
        self._is_complex = is_complex
        parts = 2 if is_complex else 1
        self.net = DilatedNet(
            channels_in=3 * parts * bins,
            channels_out=(parts + 1) * bins,
            clue_dim=clue_dim,
            channels=channels,
            blocks=blocks,
            embedding_dim=embedding_dim,
        )

    def forward(self, state: Tensor, t: Tensor, given: SpeechConditions) -> Tensor:
        """States [B, F, K] and times [B] to estimates of the data [B, F, K]."""
        at = self._path.coefficients(t)
        rest = state - expand(at.data, state) * given.centre - expand(at.start, state) * given.start
        scale = 0.5 * torch.rsqrt((at.data * _SPREAD).square() + at.noise.square() + 1e-4)
        inputs = [expand(scale, rest) * rest, given.centre, given.mixture]
        features = torch.cat([to_channels(each) if self._is_complex else each for each in inputs], dim=1)
        output = self.net(features, t.to(features), given.clue, given.mask)
        change, log_variance = output.split([output.shape[1] - self._bins, self._bins], dim=1)
        mean = given.centre + (from_channels(change) if self._is_complex else change)
        variance = _VARIANCE * log_variance.clamp(-_LOG_LIMIT, _LOG_LIMIT).exp()
        return posterior_mean(mean=mean, variance=variance, state=state, start=given.start, at=at)


class NcsnppBackbone(nn.Module):
    """NCSN++ of SGMSE+; it predicts the score of the complex spectrum."""

    kind: Parametrisation = "score"

    def __init__(self, config: NcsnppConfig) -> None:
        super().__init__()
        self.net = Ncsnpp(config)

    def forward(self, state: Tensor, t: Tensor, given: SpeechConditions) -> Tensor:
        """States [B, F, K] and times [B] to scores [B, F, K]."""
        spectra = [state, given.mixture]
        if self.net.config.spectra == 3:
            spectra.append(given.centre)
        multiple = self.net.config.multiple
        padded = pad_frames(torch.stack(spectra, dim=1), multiple=multiple, padding="reflection")
        score: Tensor = self.net(padded, t.to(state.real), F.normalize(given.clue))
        return score[..., : state.shape[-1]]


def posterior_mean(*, mean: Tensor, variance: Tensor, state: Tensor, start: Tensor, at: Coefficients) -> Tensor:
    """Mean of the data given the state, for data of a normal distribution N(μ, v) in each bin.

    μ + k (x_t − a μ − b·start) with k = a v / (a² v + s²). The network need not learn to pass the state on: k is 1/a
    where there is no noise and 0 where there is only noise. `gaussian_posterior` differs in the variance of complex
    values, which there is that of both parts together, and adds no smallest variance to the divisor.

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
