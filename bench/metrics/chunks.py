"""A batch in parts that suit the device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .protocol import Signals

CPU_SAMPLES, DEVICE_SAMPLES = 1 << 20, 1 << 24
"""Samples of a part: on a CPU so few that they stay in the cache that its cores share, on other
devices so many that they are busy."""
CPU_TRIALS, DEVICE_TRIALS = 32, 256
"""Trials of a part; normal equations that are factorised take 4 MB each."""


def in_chunks(
    compute: Callable[[Signals], Tensor], signals: Signals, *, row_by_row: bool = False
) -> Tensor:
    """Values [B] of a batch, computed for a bounded number of samples at a time.

    Every part has at least one trial, however long.

    Args:
        compute: values of a part.
        signals: the batch, which may be empty.
        row_by_row: on a CPU `compute` takes one trial after the other already.
    """
    trials, frames = signals.estimate.shape
    if not trials:
        return signals.estimate.new_empty(0, dtype=torch.float64)
    on_cpu = signals.estimate.device.type == "cpu"
    if row_by_row and on_cpu:
        return compute(signals)
    samples, limit = (CPU_SAMPLES, CPU_TRIALS) if on_cpu else (DEVICE_SAMPLES, DEVICE_TRIALS)
    most = max(1, min(limit, samples // max(1, frames)))
    size = -(-trials // -(-trials // most))  # parts of about one size
    starts = range(0, trials, size)
    return torch.cat([compute(_part(signals, start, start + size)) for start in starts])


def _part(signals: Signals, start: int, stop: int) -> Signals:
    return Signals(
        estimate=signals.estimate[start:stop],
        reference=signals.reference[start:stop],
        mixture=signals.mixture[start:stop],
        lengths=signals.lengths[start:stop],
        sample_rate_hz=signals.sample_rate_hz,
    )
