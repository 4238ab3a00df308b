"""Cosines and sines of the step of a diffusion, as public networks take them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LONGEST_PERIOD = 10_000.0


def step_waves(step: Tensor, count: int) -> Tensor:
    """Steps [B] to float32 [B, count]: count/2 cosines, then the sines, at frequencies of 1 to nearly 1/10000 rad."""
    half = count // 2
    # Computed at each call: a network is built on the device "meta" before its weights are known.
    order = torch.arange(half, device=step.device, dtype=torch.float32)
    angles = step.float()[:, None] * torch.exp(-math.log(_LONGEST_PERIOD) * order / half)
    return torch.cat([angles.cos(), angles.sin()], dim=1)
