"""Audio files of seeded noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile


def save_sum(
    folder: Path, name: str, *, mixtures: Mapping[str, Sequence[str]], frames: int, rate_hz: int, seed: int
) -> None:
    """Write 16-bit `<signal>/<name>.wav`: sources of noise, and mixtures, each the sum of some of them."""
    sources = sorted({source for parts in mixtures.values() for source in parts})
    rng = np.random.default_rng(seed)
    signals = {source: rng.integers(-5000, 5000, frames).astype(np.int16) for source in sources}
    for mixture, parts in mixtures.items():
        signals[mixture] = np.sum([signals[part] for part in parts], axis=0).astype(np.int16)
    for signal, codes in signals.items():
        (folder / signal).mkdir(parents=True, exist_ok=True)
        soundfile.write(str(folder / signal / f"{name}.wav"), codes, rate_hz, subtype="PCM_16")


def save(
    path: Path, *, frames: int = 1600, rate_hz: int = 16_000, channels: int = 1, seed: int = 0, subtype: str = "PCM_16"
) -> Path:
    """Write noise in ±0.5 that depends on `seed` alone; the format follows from the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (frames, channels))
    soundfile.write(str(path), noise.astype(np.float32), rate_hz, subtype=subtype)
    return path
