"""Batched metrics of some trials as a job of a worker process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ..metrics.protocol import BatchMetric, Metric, Signals, takes_arrays
from ..outcome import Outcomes
from .guarded_metrics import batch_outcomes
from .worker import UNSENDABLE, packed

MOST_TRIALS, MOST_SAMPLES = 8, 1 << 21
"""Limits of one job: with more trials the last jobs would leave workers idle, with fewer the overhead of NumPy's calls
would count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """Batched metrics of trials whose signals [T] are arrays of NumPy, of any lengths."""

    metrics: tuple[BatchMetric, ...]
    estimates: tuple[Array, ...]
    references: tuple[Array, ...]
    mixtures: tuple[Array, ...]
    sample_rate_hz: int

    def __call__(self) -> Outcomes:
        """Outcomes of all trials by the first metric, then by the next."""
        signals = Signals(
            estimate=stacked(self.estimates),
            reference=stacked(self.references),
            mixture=stacked(self.mixtures),
            lengths=np.array([len(signal) for signal in self.mixtures], np.int64),
            sample_rate_hz=self.sample_rate_hz,
        )
        return Outcomes(each=tuple(each for metric in self.metrics for each in batch_outcomes(metric, signals)))


def of_workers(metrics: Sequence[Metric]) -> tuple[BatchMetric, ...]:
    """Batched metrics that workers can compute: they take arrays, and their code can be imported."""
    return tuple(metric for metric in metrics if isinstance(metric, BatchMetric) and _can_cross(metric))


def _can_cross(metric: BatchMetric) -> bool:
    try:
        return takes_arrays(metric) and packed(metric) is not None
    except UNSENDABLE:
        return False


def stacked(signals: Sequence[Array]) -> Array:
    """[B, T] float64 of arrays [T], zero past the end of each."""
    filled = np.zeros((len(signals), max(map(len, signals))))
    for row, signal in zip(filled, signals, strict=True):
        row[: len(signal)] = signal
    return filled
