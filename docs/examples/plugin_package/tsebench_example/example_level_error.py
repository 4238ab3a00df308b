"""A metric: how far the level of the estimate is from that of the reference."""

from __future__ import annotations

import torch
from torch import Tensor

from tsebench.bench.metrics.protocol import MetricInfo, Signals
from tsebench.bench.metrics.registry import METRICS


@METRICS.register("example_level_error")
class ExampleLevelError:
    """|10 log10(‖ŝ‖² / ‖s‖²)|, 0 dB where the levels are equal.

    Args:
        limit_db: largest value.
    """

    def __init__(self, *, limit_db: float = 60.0) -> None:
        self._limit_db = limit_db
        self.info = MetricInfo(
            name="example_level_error",
            label="level error",
            unit="dB",
            higher_is_better=False,
            description="absolute difference of the levels of estimate and reference",
        )

    def signature(self, sample_rate_hz: int) -> str:
        """`example_level_error|f64|limit:60`."""
        return f"example_level_error|f64|limit:{self._limit_db:g}"

    def compute(self, signals: Signals) -> Tensor:
        """Values [B] in dB, float64."""
        estimate, reference = signals.estimate.double(), signals.reference.double()
        ratio = estimate.square().sum(dim=1) / reference.square().sum(dim=1)
        return (10.0 * torch.log10(ratio)).abs().clamp(max=self._limit_db)
