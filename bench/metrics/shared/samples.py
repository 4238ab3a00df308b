"""Signals as models of metrics take them: float32 samples at their own rate.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def samples_of(signal: Tensor) -> NDArray[np.float32]:
    """Samples [T] of a signal on any device."""
    samples: NDArray[np.float32] = signal.detach().cpu().float().numpy()
    return samples


def rate_signature(sample_rate_hz: int, *, wanted_hz: int) -> str:
    """Part of signatures: the rate, and how it is changed to the wanted one."""
    return f"fs:{wanted_hz}" if sample_rate_hz == wanted_hz else f"fs:{sample_rate_hz}>{wanted_hz}|soxr:VHQ"
