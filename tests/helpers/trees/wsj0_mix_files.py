"""Small output of the scripts of WSJ0-2mix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from helpers.trees.audio import save_sum

NAMES = (
    "440c0201_0.60431_22gc0101_-0.60431",
    "050a0501_2.4_441c0201_-2.4",
    "440o0301_1.6043_22gc0102_-1.6043",
    "441o0302_5.2094e-07_050c010f_-5.2094e-07",
)


def make_wsj0_mix_files(root: Path, names: Sequence[str] = NAMES, *, top: str = "2speakers/wav8k/min/tt") -> Path:
    """Write `<top>/{mix,s1,s2}/<name>.wav` with noise at 8 kHz; returns the first folder of `top`."""
    for place, name in enumerate(names):
        save_sum(root / top, name, mixtures={"mix": ["s1", "s2"]}, frames=1000 + place, rate_hz=8000, seed=place)
    return root / Path(top).parts[0]
