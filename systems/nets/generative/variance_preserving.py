"""Variance-preserving path of diffusion models from a table of betas, with zero terminal SNR and trailing steps."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ....core.errors import ConfigError
from .paths import Coefficients, Path

_SAME_PLACE = 1e-6
BetaSchedule = Literal["linear", "scaled_linear"]


class VariancePreserving(Path):
    """a² + s² = 1 with a² = Π (1 − β_i) (Ho et al., 2020, eq. 4); the start has no weight.

    Index i = 0..T−1 of the table is the time t = (i + 1)/T, and t = 0 is the data, so that N equal steps from t = 1 are
    the "trailing" steps of Lin et al. (2024, tab. 2). Between the times of the table, a is a cubic Hermite spline.

    Attributes:
        train_steps: length T of the table.
    """

    def __init__(
        self,
        *,
        beta_first: float = 1e-4,
        beta_last: float = 0.02,
        train_steps: int = 1000,
        schedule: BetaSchedule = "linear",
        zero_terminal_snr: bool = True,
    ) -> None:
        """`schedule`: betas, or their square roots ("scaled_linear"), rise linearly from first to last."""
        if not (0 < beta_first <= beta_last < 1 and train_steps >= 2):
            raise ConfigError(
                "a variance-preserving path needs 0 < beta_first <= beta_last < 1 and train_steps >= 2, not "
                f"beta_first {beta_first:g}, beta_last {beta_last:g}, train_steps {train_steps}"
            )
        power = 2.0 if schedule == "scaled_linear" else 1.0
        self.train_steps = train_steps
        self.data_at_start = self.finite_diffusion = not zero_terminal_snr
        # Also where a network that has a path is built on the device "meta".
        with torch.device("cpu"):
            ends = beta_first ** (1 / power), beta_last ** (1 / power)
            betas = torch.linspace(*ends, train_steps, dtype=torch.float64)
            signal = (1.0 - betas**power).cumprod(0).sqrt()
            if zero_terminal_snr:
                signal = without_terminal_signal(signal)
            self._signal = torch.cat([torch.ones(1, dtype=torch.float64), signal])
            self._slope = _slopes(self._signal)

    def coefficients(self, t: Tensor) -> Coefficients:
        """a(t) of the table, s = √(1 − a²), s' = −a a'/s."""
        t = t.double()
        place = t * self.train_steps
        # A time i/T in floating point must give entry i.
        nearest = place.round()
        place = torch.where((place - nearest).abs() < _SAME_PLACE, nearest, place)
        data, slope = _spline(self._signal.to(t.device), self._slope.to(t.device), place)
        data_rate = slope * self.train_steps
        noise = (1.0 - data.square()).clamp_min(0.0).sqrt()
        safe = torch.where(noise > 0, noise, torch.ones_like(noise))
        noise_rate = torch.where(noise > 0, -data * data_rate / safe, torch.zeros_like(noise))
        zero = torch.zeros_like(t)
        return Coefficients(
            data=data, start=zero, noise=noise, data_rate=data_rate, start_rate=zero, noise_rate=noise_rate
        )


def without_terminal_signal(signal: Tensor) -> Tensor:
    """√ᾱ [T] moved and scaled so that the last is exactly 0 and the first stays (Lin et al., 2024, alg. 1)."""
    first, last = signal[0], signal[-1]
    return (signal - last) * (first / (first - last))


def _slopes(values: Tensor) -> Tensor:
    """Slopes [N] at the knots, of second order."""
    return torch.gradient(values, edge_order=2)[0]


def _spline(values: Tensor, slopes: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Cubic Hermite spline with knots at 0..N−1, and its derivative, at places [B]; exact at the knots."""
    left = place.floor().clamp(0, len(values) - 2).long()
    u = place - left
    low, high, slope_low, slope_high = values[left], values[left + 1], slopes[left], slopes[left + 1]
    rise = high - low
    curve = (1 - u) * (slope_low - rise) - u * (slope_high - rise)
    value = torch.where(u == 1, high, low + u * rise + u * (1 - u) * curve)
    bent = (1 - u) * u * (2 * rise - slope_low - slope_high)
    return value, rise + (1 - 2 * u) * curve + bent
