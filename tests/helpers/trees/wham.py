"""Small copies of WHAM noise."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

from helpers.trees.audio import save

FRAMES = {
    "tr/01to030v_0.76421_20ga010m_-0.76421.wav": 1000,
    "tr/01to030v_0.76421_20ga010m_-0.76421sp08.wav": 1250,
    "cv/050a050b_0.37193_443c020s_-0.37193.wav": 1100,
    "tt/440c020a_1.2_22gc010b_-1.2.wav": 900,
}
"""One file of each part, and a copy of other speed, in lengths of samples."""


def make_wham(
    root: Path, frames: Mapping[str, int] = FRAMES, *, backwards: bool = False, rate_hz: int = 16_000
) -> Path:
    """Write `wham_noise/` with two channels of noise of given lengths.

    Args:
        root: folder that gets `wham_noise`.
        frames: lengths by path, such as `tt/050a050b_0.37193_443c020s_-0.37193.wav`.
        backwards: make the files in the opposite order.
        rate_hz: of the files.
    """
    folder = root / "wham_noise"
    for path in sorted(frames, reverse=backwards):
        seed = zlib.crc32(path.encode())
        save(folder / path, frames=frames[path], rate_hz=rate_hz, channels=2, seed=seed)
    return folder
