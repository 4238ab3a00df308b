"""Voice activity of a clean signal on the frames of an encoder: the target of networks that estimate it."""

from __future__ import annotations

import torch
from torch import Tensor

_WINDOW_S = 0.03
_RANGE_DB = 40.0
_SILENT_DB = -80.0


def voice_activity(signal: Tensor, middles: Tensor, *, sample_rate_hz: int) -> Tensor:
    """Frames of signals [B, T] in which someone speaks: [B, K] of 0.0 and 1.0.

    A frame is active if the power of the 30 ms around its middle (`middles` [K], in samples) is at most 40 dB below the
    loudest frame's and above −80 dB re full scale.
    """
    half = round(_WINDOW_S * sample_rate_hz / 2)
    summed = torch.nn.functional.pad(signal.double().square().cumsum(dim=-1), (1, 0))
    last = signal.shape[-1]
    ends, starts = ((middles.round().long() + shift).clamp(0, last) for shift in (half, -half))
    power = (summed[:, ends] - summed[:, starts]) / (2 * half)
    level_db = 10.0 * torch.log10(power.clamp_min(1e-20))
    loudest_db = level_db.amax(dim=-1, keepdim=True)
    active = (level_db > loudest_db - _RANGE_DB) & (level_db > _SILENT_DB)
    return active.to(signal.dtype)
