"""A small set of `speech_mix`."""

from __future__ import annotations

from pathlib import Path

from helpers.builds import RATE_HZ, Case, of_folders
from helpers.trees.audio import save


def make(root: Path) -> Case:
    folder = root / "speech"
    for number in range(12):
        path = folder / f"speaker{number % 3}" / f"{number}.flac"
        save(path, frames=RATE_HZ + 7 * number, rate_hz=RATE_HZ, seed=number)
    params = {"count": 6, "sample_rate_hz": RATE_HZ, "speech": {"corpus": "speech"}}
    return of_folders("speech_mix", ("speech",), params), {"speech": folder}
