"""FUSS: sources by length, rooms with responses by role, mixtures with one to four sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from helpers.trees.audio import save

RATE_HZ = 16_000
SOURCES = {
    "train": {"64760": 8_000, "5312": 160_000, "99999": 160_001},
    "validation": {"5313": 9_000},
    "eval": {"37199": 7_000, "888": 170_000},
}
"""Frames of each source; longer than 10 s is a background. 99999 and 888 are not in FSD50K."""


def make_fuss(root: Path, *, released: bool = True) -> Path:
    """Sources of all splits; `released` adds a room and three mixtures of the train split."""
    for split, files in SOURCES.items():
        for stem, frames in files.items():
            path = root / "fsd_data" / split / "sound" / f"{stem}.wav"
            save(path, frames=frames, rate_hz=RATE_HZ, seed=int(stem))
    if released:
        for reverb in ("ssdata", "ssdata_reverb"):
            rows = [_mixture(root / reverb, number) for number in range(3)]
            (root / reverb / "train_example_list.txt").write_text("\n".join(rows) + "\n")
        for role in ("background0", "foreground0", "foreground1", "foreground2"):
            save(root / "rir_data/train/rirs_0000" / f"{role}.wav", frames=400, seed=len(role))
    return root


def _mixture(folder: Path, number: int) -> str:
    """One mixture with `number` foregrounds: the sum of its sources as they are written."""
    stem = f"train/example{number:05d}"
    names = ["background0", *(f"foreground{k}" for k in range(number))]
    paths = [f"{stem}_sources/{name}_sound.wav" for name in names]
    for k, path in enumerate(paths):
        save(folder / path, frames=160_000, seed=10 * number + k)
    total = sum(soundfile.read(str(folder / path), dtype="int16")[0] // 4 for path in paths)
    soundfile.write(str(folder / f"{stem}.wav"), np.asarray(total, dtype=np.int16), RATE_HZ)
    return "\t".join([f"{stem}.wav", *paths])
