"""Movement of a mouth through phonemes: visemes and coarticulation.

The phonemes are those of espeak-ng's American English. Each one has a viseme, a shape of the mouth that can be seen;
between them the shapes are blended by dominance functions, as in Cohen and Massaro, "Modeling coarticulation in
synthetic visual speech" (1993), here Gaussians of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .espeak import SAMPLE_RATE_HZ, Phoneme

Track = NDArray[np.float64]
"""Shapes of a mouth over time [F, 4]: opening, width, rounding, teeth, each 0..1."""

REST = (0.0, 0.5, 0.0, 0.0)

# Opening, width, rounding, teeth.
_SHAPES = {
    "_ _: ;": REST,
    "p b m": (0.0, 0.5, 0.15, 0.0),
    "f v": (0.14, 0.5, 0.0, 1.0),
    "T D": (0.22, 0.5, 0.0, 0.8),
    "t t# d n s z": (0.2, 0.6, 0.0, 0.9),
    "l": (0.32, 0.55, 0.0, 0.6),
    "S Z tS dZ": (0.25, 0.25, 0.6, 0.8),
    "k g N h": (0.3, 0.5, 0.1, 0.3),
    "r 3 3: @L": (0.3, 0.3, 0.5, 0.3),
    "w": (0.08, 0.1, 1.0, 0.0),
    "j": (0.22, 0.8, 0.0, 0.6),
    "i i: I I# I2": (0.38, 0.9, 0.0, 0.6),
    "e E e@": (0.62, 0.75, 0.0, 0.5),
    "a aa": (0.95, 0.7, 0.0, 0.4),
    "@": (0.5, 0.5, 0.1, 0.3),
    "0 A: A@ V": (1.0, 0.5, 0.05, 0.3),
    "O: O2 O@ o@": (0.8, 0.3, 0.5, 0.1),
    "o": (0.55, 0.2, 0.8, 0.0),
    "u: U": (0.25, 0.1, 1.0, 0.0),
}
_VISEME = {name: shape for names, shape in _SHAPES.items() for name in names.split()}
_GLIDES = {"aI": ("a", "I"), "aU": ("a", "U"), "eI": ("e", "I"), "oU": ("o", "U"), "OI": ("O:", "I")}
_STRESSES = "',%="

# Lips that must touch, or touch the teeth, win over their neighbours.
_DOMINANCE = {"p": 4.0, "b": 4.0, "m": 4.0, "f": 3.0, "v": 3.0, "w": 2.0}
_UNSTRESSED_OPENING = 0.75
_SPREAD_S = 0.025  # reach of each phoneme beyond half its length
_LEAD_S = 0.02  # lips are ahead of the sound: it starts with the transition to the phoneme


@dataclass(frozen=True, slots=True, kw_only=True)
class _Goal:
    shape: tuple[float, float, float, float]
    centre_s: float
    spread_s: float
    dominance: float


def track(phonemes: Sequence[Phoneme], *, start: int, stop: int, fps: float) -> Track:
    """The shapes [F, 4] of the mouth in the middle of every picture.

    Args:
        phonemes: in their order; the last one lasts to the end, and around them is silence.
        start: sample at which the first picture begins.
        stop: sample at which the video ends; the last picture may go beyond it.
        fps: pictures per second.
    """
    frames = int(np.ceil((stop - start) / SAMPLE_RATE_HZ * fps))
    times_s = start / SAMPLE_RATE_HZ + (np.arange(frames) + 0.5) / fps
    goals = _goals(phonemes, stop)
    centre_s, spread_s, dominance = (
        np.array([getattr(goal, name) for goal in goals]) for name in ("centre_s", "spread_s", "dominance")
    )
    # The logarithms, so that one phoneme remains where all are far away.
    logs = np.log(dominance) - ((times_s[:, None] - centre_s) / spread_s) ** 2
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights @ np.array([goal.shape for goal in goals]))


def _goals(phonemes: Sequence[Phoneme], stop: int) -> list[_Goal]:
    """Targets of the mouth; a diphthong has two, one after the other."""
    ends = [*(phoneme.start for phoneme in phonemes[1:]), stop]
    silence_s = phonemes[0].start / SAMPLE_RATE_HZ - 0.25 if phonemes else 0.0
    goals = [_Goal(shape=REST, centre_s=silence_s, spread_s=0.2, dominance=1.0)]
    for phoneme, end in zip(phonemes, ends, strict=True):
        start_s, end_s = phoneme.start / SAMPLE_RATE_HZ, max(phoneme.start, end) / SAMPLE_RATE_HZ
        plain = phoneme.name.strip(_STRESSES)
        parts = _GLIDES.get(plain, (plain,))
        length_s = (end_s - start_s) / len(parts)
        effort = 1.0 if "'" in phoneme.name else _UNSTRESSED_OPENING
        for place, part in enumerate(parts):
            opening, *rest = _VISEME.get(part, _VISEME["@"])
            goals.append(
                _Goal(
                    shape=(opening * effort, rest[0], rest[1], rest[2]),
                    centre_s=start_s + (place + 0.5) * length_s - _LEAD_S,
                    spread_s=0.5 * length_s + _SPREAD_S,
                    dominance=_DOMINANCE.get(part, 1.0),
                )
            )
    return goals
