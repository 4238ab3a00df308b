"""Synthetic queries with known truth, for checks and cost measurements of a system."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets.seeding import generator, sample_seed
from ...datasets.types import Clues, Direction, Query, Truth
from ..protocol import SystemCard

_UNNAMED_CLASS = "some_sound"
_TEXT = "the sound of a bell"
_FPS, _SIDE = 25.0, 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Synthetic query and its truth."""

    query: Query
    truth: Truth

    def scaled(self, factor: float, *, suffix: str) -> Probe:
        """Mixture, target and interferers times `factor`, with the same clue."""
        target = self.truth.target
        return Probe(
            query=replace(self.query, id=f"{self.query.id}-{suffix}", mixture=self.query.mixture * factor),
            truth=replace(
                self.truth,
                target=None if target is None else target * factor,
                interferers=self.truth.interferers * factor,
            ),
        )

    def asking(self, clues: Clues, *, suffix: str) -> Probe:
        """The same mixture with another clue."""
        return replace(self, query=replace(self.query, id=f"{self.query.id}-{suffix}", clues=clues))

    def with_seed(self, seed: int) -> Probe:
        """The same query with another seed."""
        return replace(self, query=replace(self.query, seed=seed))

    def without_target(self, *, suffix: str) -> Probe:
        """The interferers alone, and the same clue."""
        mixture = self.truth.interferers.sum(dim=0, keepdim=True).expand_as(self.query.mixture).clone()
        return Probe(
            query=replace(self.query, id=f"{self.query.id}-{suffix}", mixture=mixture),
            truth=replace(self.truth, target=None, active_classes=()),
        )


def make_probe(card: SystemCard, *, name: str, duration_s: float, sample_rate_hz: int, seed: int) -> Probe:
    """A harmonic tone in two kinds of noise, and every kind of clue that the card names.

    Of a card with several channels, each further one has the same signals and a weak noise of its own.

    The query's id is `probe-<seed>-<name>`; its samples follow from this id alone.
    """
    query_id = f"probe-{seed}-{name}"
    rng = generator(query_id)
    frames = max(1, round(duration_s * sample_rate_hz))
    target = _tone(rng, frames, sample_rate_hz)
    interferers = np.stack([_noise(rng, frames, smooth) for smooth in (1, 8)])
    label = str(rng.choice(card.classes)) if card.classes else _UNNAMED_CLASS
    enrollment = _tone(rng, round(rng.uniform(0.6, 1.6) * sample_rate_hz), sample_rate_hz)
    clues = Clues(
        enrollments=(_tensor(enrollment),) if "enrollment" in card.clues else (),
        classes=(label,) if "classes" in card.clues else (),
        text=_TEXT if "text" in card.clues else None,
        video=_mouth(rng, target, sample_rate_hz) if "video" in card.clues else None,
        video_fps=_FPS if "video" in card.clues else None,
        activity=((0.0, 0.6 * duration_s),) if "activity" in card.clues else None,
        direction=Direction(azimuth_deg=30.0) if "direction" in card.clues else None,
    )
    channels = card.channels if isinstance(card.channels, int) else 1
    own = np.stack([np.zeros(frames), *(0.02 * _noise(rng, frames, 1) for _ in range(channels - 1))])
    mixture = _tensor(target + interferers.sum(axis=0) + own)
    return Probe(
        query=Query(
            id=query_id, mixture=mixture, sample_rate_hz=sample_rate_hz, clues=clues, seed=sample_seed("", query_id, 0)
        ),
        truth=Truth(
            target=_tensor(target)[None].repeat(channels, 1),
            interferers=_tensor(interferers),
            active_classes=(label,),
            transcript=None,
        ),
    )


def _tone(rng: np.random.Generator, frames: int, sample_rate_hz: int) -> NDArray[np.float64]:
    """Four harmonics under a slow envelope, about -20 dB RMS."""
    time_s = np.arange(frames) / sample_rate_hz
    f0_hz = rng.uniform(100.0, 300.0)
    phases = rng.uniform(0.0, 2 * np.pi, size=4)
    tone = sum(np.sin(2 * np.pi * k * f0_hz * time_s + phase) / k for k, phase in enumerate(phases, 1))
    envelope = 1.0 + 0.5 * np.sin(2 * np.pi * rng.uniform(2.0, 5.0) * time_s)
    return np.asarray(0.1 * envelope * tone)


def _noise(rng: np.random.Generator, frames: int, smooth: int) -> NDArray[np.float64]:
    """White noise under a moving average of `smooth` samples, about -26 dB RMS."""
    white = rng.standard_normal(frames + smooth - 1)
    averaged = np.convolve(white, np.ones(smooth), mode="valid")
    return np.asarray(0.05 / np.sqrt(smooth) * averaged)


def _mouth(rng: np.random.Generator, target: NDArray[np.float64], sample_rate_hz: int) -> Tensor:
    """Pictures [F, 48, 48] of a bright disc on noise, which is as wide as the target is loud."""
    frames = max(1, math.ceil(len(target) / sample_rate_hz * _FPS))
    parts = np.array_split(np.abs(target), frames)
    loudness = np.array([part.mean() if len(part) else 0.0 for part in parts])
    radius = 4.0 + 12.0 * loudness / max(loudness.max(), 1e-9)
    rows, columns = np.indices((_SIDE, _SIDE)) - (_SIDE - 1) / 2
    disc = (rows**2 + columns**2)[None] < radius[:, None, None] ** 2
    return _tensor(0.6 * disc + 0.2 * rng.random((_SIDE, _SIDE)))


def _tensor(samples: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(samples.astype(np.float32))
