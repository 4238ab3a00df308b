"""Folders of real speech to score: references, mixtures, and what two systems make of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

DIGITS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "digits"
RATE_HZ = 8000
SHORTEST_S, LONGEST_S = 5.0, 7.0

Signal = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """References, mixtures and the estimates of two systems, one file for each trial."""

    references: Path
    mixtures: Path
    estimates: tuple[Path, Path]


def write_trials(out: Path, count: int) -> Folders:
    """So many trials of about 6 s: two of four talkers at 0 dB.

    The systems attenuate the interferer by 10 and 15 dB and colour the target a little.
    """
    talkers = {folder.name: _read(folder) for folder in sorted(DIGITS.iterdir()) if folder.is_dir()}
    names = [out / name for name in ("references", "mixtures", "first", "later")]
    for folder in names:
        folder.mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        one, other = rng.choice(sorted(talkers), 2, replace=False)
        frames = int(rng.integers(round(SHORTEST_S * RATE_HZ), round(LONGEST_S * RATE_HZ)))
        target, interferer = (_stretch(talkers[name], frames, rng) for name in (one, other))
        interferer *= np.linalg.norm(target) / np.linalg.norm(interferer)
        coloured = np.convolve(target, [1.0, -0.25, 0.1])[:frames]
        signals = (
            target,
            target + interferer,
            coloured + 10.0 ** (-10.0 / 20.0) * interferer,
            coloured + 10.0 ** (-15.0 / 20.0) * interferer,
        )
        for folder, signal in zip(names, signals, strict=True):
            path = folder / f"{number:04d}.wav"
            soundfile.write(path, 0.2 * signal, RATE_HZ, subtype="PCM_16")
    return Folders(references=names[0], mixtures=names[1], estimates=(names[2], names[3]))


def _read(folder: Path) -> list[Signal]:
    return [soundfile.read(path)[0] for path in sorted(folder.glob("*.flac"))]


def _stretch(utterances: list[Signal], frames: int, rng: np.random.Generator) -> Signal:
    """Utterances in any order, one after the other, cut to a length."""
    order = rng.permutation(len(utterances))
    return np.concatenate([utterances[place] for place in order[:8]])[:frames]
