"""A batch in parts that suit the device."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np

from ....core.arrays import Array, namespace, on_cpu
from ....core.processors import computing_threads
from ..protocol import Signals

DEVICE_SAMPLES = 1 << 24
"""Samples of a part on other devices than a CPU: so many that they are busy."""
CPU_TRIALS, DEVICE_TRIALS = 32, 256
"""Trials of a part; normal equations that are factorised take 4 MB each."""


def in_chunks(compute: Callable[[Signals], Array], signals: Signals, *, cpu_samples: int | None) -> Array:
    """Values [B] of a batch, computed in parts of a bounded number of samples.

    Every part has at least one trial, however long. The parts do not depend on the number of threads that share them on
    a CPU.

    Args:
        compute: values of a part; called from several threads.
        signals: the batch, which may be empty.
        cpu_samples: samples of a part on a CPU, so few that what `compute` makes of them stays in caches; None where it
            already takes one trial after the other.
    """
    trials, frames = signals.estimate.shape
    xp, near = namespace(signals.estimate), on_cpu(signals.estimate)
    if not trials:
        return xp.empty(0, dtype=xp.float64, device=signals.estimate.device)
    if not near:
        samples, limit = DEVICE_SAMPLES, DEVICE_TRIALS
    elif cpu_samples is not None:
        samples, limit = cpu_samples, CPU_TRIALS
    else:
        return quiet(compute, signals)
    most = max(1, min(limit, samples // max(1, frames)))
    size = -(-trials // -(-trials // most))  # parts of about one size
    starts = range(0, trials, size)
    if not near:
        parts = [_part(signals, start, start + size, frames) for start in starts]
        return xp.concatenate([compute(part) for part in parts])
    longest = [int(signals.lengths[start : start + size].max()) for start in starts]
    parts = [_part(signals, a, a + size, n) for a, n in zip(starts, longest, strict=True)]
    return xp.concatenate(threaded(partial(quiet, compute), parts))


def _part(signals: Signals, start: int, stop: int, frames: int) -> Signals:
    return Signals(
        estimate=signals.estimate[start:stop, :frames],
        reference=signals.reference[start:stop, :frames],
        mixture=signals.mixture[start:stop, :frames],
        lengths=signals.lengths[start:stop],
        sample_rate_hz=signals.sample_rate_hz,
    )


_Part = TypeVar("_Part")


def quiet(compute: Callable[[_Part], Array], part: _Part) -> Array:
    """Values of a part without NumPy's warnings: what cannot be computed is NaN or infinite, as in tensors."""
    with np.errstate(all="ignore"):
        return compute(part)


def threaded(compute: Callable[[_Part], Array], parts: Sequence[_Part]) -> list[Array]:
    """Results of `compute` for each part, in order; as many at once as there are threads.

    The values do not depend on the number of threads, since every part is computed by one.
    """
    count, torch = computing_threads(), sys.modules.get("torch")
    if count == 1 or len(parts) == 1:
        return [compute(part) for part in parts]
    if torch is None:
        return list(_threads(count, os.getpid(), None).map(compute, parts))
    torch.set_num_threads(1)  # also of the linear algebra in the other threads
    try:
        return list(_threads(count, os.getpid(), torch.set_num_threads).map(compute, parts))
    finally:
        torch.set_num_threads(count)


@lru_cache(maxsize=1)
def _threads(count: int, process: int, limit: Callable[[int], None] | None) -> ThreadPoolExecutor:  # noqa: ARG001 - a fork has none
    """So many threads that wait between calls, each with one thread for torch's own operations."""
    return ThreadPoolExecutor(count, "part", initializer=partial(limit, 1) if limit else None)
