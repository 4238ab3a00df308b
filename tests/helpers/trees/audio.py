"""Audio files of seeded noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def save(
    path: Path, *, frames: int = 1600, rate_hz: int = 16_000, channels: int = 1, seed: int = 0, subtype: str = "PCM_16"
) -> Path:
    """Write noise in ±0.5 that depends on `seed` alone; the format follows from the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (frames, channels))
    soundfile.write(str(path), noise.astype(np.float32), rate_hz, subtype=subtype)
    return path
