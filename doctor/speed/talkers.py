"""Recordings of talkers, and folders to score: references, mixtures, and what two systems make of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...datasets.corpora.synthetic_speech import SyntheticSpeech
from ...datasets.signals.audio import read_mono, resample, write
from .sections import Settings

RATE_HZ = 8000
_UTTERANCES = 4
SHORTEST_S, LONGEST_S = 5.0, 7.0

Signal = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFolders:
    """References, mixtures and the estimates of two systems, one file for each trial."""

    references: Path
    mixtures: Path
    estimates: tuple[Path, Path]


def talkers_of(settings: Settings, place: Path) -> Path:
    """The folder of recordings at 8 kHz, a folder for each talker; synthetic voices are written to `place`.

    Raises:
        ConfigError: the folder that is given has fewer than two talkers.
    """
    given = settings.recordings
    if given is None:
        return _write_voices(place)
    if sum(any(folder.glob("*.flac")) or any(folder.glob("*.wav")) for folder in given.iterdir()) < 2:
        raise ConfigError(f"--recordings {str(given)!r} has no two folders of .flac or .wav files, one for each talker")
    return given


def source(settings: Settings) -> str:
    """The recordings in words."""
    return "synthetic voices" if settings.recordings is None else "real talkers"


def _write_voices(place: Path) -> Path:
    corpus = SyntheticSpeech(utterances=_UTTERANCES)
    for recording in corpus.recordings():
        if recording.split == "test":
            samples, own_hz = corpus.read(recording.path)
            path = place / recording.label / Path(recording.path).name
            write(path, resample(samples, from_hz=own_hz, to_hz=RATE_HZ), RATE_HZ, subtype="PCM_16")
    return place


def write_trials(out: Path, count: int, recordings: Path) -> ScoredFolders:
    """So many trials of about 6 s: two talkers at 0 dB.

    The systems attenuate the interferer by 10 and 15 dB and colour the target a little.
    """
    talkers = {folder.name: _read(folder) for folder in sorted(recordings.iterdir()) if folder.is_dir()}
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
            write(path, (0.2 * signal).astype(np.float32), RATE_HZ, subtype="PCM_16")
    return ScoredFolders(references=names[0], mixtures=names[1], estimates=(names[2], names[3]))


def _read(folder: Path) -> list[Signal]:
    paths = sorted([*folder.glob("*.flac"), *folder.glob("*.wav")])
    return [read_mono(path)[0].astype(np.float64) for path in paths]


def _stretch(utterances: list[Signal], frames: int, rng: np.random.Generator) -> Signal:
    """Utterances in any order, one after the other, cut to a length."""
    order = rng.permutation(len(utterances))
    return np.concatenate([utterances[place] for place in order[:8]])[:frames]
