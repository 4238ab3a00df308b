"""Learning rate as a fraction of its highest value."""

from __future__ import annotations

import math

from .config import OptimiserConfig


def lr_factor(config: OptimiserConfig, *, step: int, progress: float, reductions: int) -> float:
    """Fraction of `config.lr` for a step.

    Args:
        config: names the schedule.
        step: steps done before.
        progress: 0 at the start to 1 at the end of training, by epochs or by time.
        reductions: how often a plateau was met.
    """
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.schedule == "cosine":
        return warmup * 0.5 * (1.0 + math.cos(math.pi * min(1.0, max(0.0, progress))))
    if config.schedule == "warmup_cosine" and step > config.warmup_steps:
        done = min(1.0, progress)
        begun = done * config.warmup_steps / step  # progress at the end of the warm-up
        return 0.5 * (1.0 + math.cos(math.pi * (done - begun) / (1.0 - begun)))
    if config.schedule == "plateau":
        return warmup * config.plateau_factor**reductions
    return warmup
