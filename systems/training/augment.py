"""Augmentation of training items: speed change and cutting, seeded by the index of the item."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...datasets.activity import cut as activity_in
from ...datasets.batches import channel_of
from ...datasets.seeding import generator
from ...datasets.signals.audio import resample
from ...datasets.types import Clues, Query, Truth
from .config import DataConfig
from .data import TrainingStream

Item = tuple[Query, Truth]

_TRIES = 10


def augmented(stream: TrainingStream, config: DataConfig, *, training: bool) -> TrainingStream:
    """A stream cut to `config.segment_s`, and with changed speeds in training."""
    speed = config.speed if training else None
    if speed is None and config.segment_s is None:
        return stream
    return _Augmented(stream, segment_s=config.segment_s, speed=speed)


class _Augmented:
    def __init__(self, stream: TrainingStream, *, segment_s: float | None, speed: tuple[float, float] | None) -> None:
        self.classes = stream.classes
        self.sample_rate_hz = stream.sample_rate_hz
        self.fingerprint = stream.fingerprint
        self._stream = stream
        self._segment_s = segment_s
        self._speed = speed

    def __len__(self) -> int:
        return len(self._stream)

    def __getitem__(self, index: int) -> Item:
        item = self._stream[index]
        rng = generator("prepared", self.fingerprint, index)
        if self._speed is not None:
            item = at_other_speeds(item, self._speed, rng)
        if self._segment_s is not None:
            item = cut(item, round(self._segment_s * self.sample_rate_hz), rng)
        return item


def at_other_speeds(item: Item, speed: tuple[float, float], rng: np.random.Generator) -> Item:
    """Play each source of a mixture, the enrollments and the video at a random speed.

    A speed of f multiplies all frequencies by f, pitch and formants alike: another voice. Target, enrollments and video
    get the same speed. The mixture is cut to its shortest source; a target that loses samples loses its transcript.

    Args:
        item: a trial; the result has its reference channel only.
        speed: lowest and highest factor, sampled uniformly on a logarithmic scale.
    """
    query, truth = item
    target = [] if truth.target is None else [channel_of(truth.target, query.reference_channel)]
    sources = [*target, *truth.interferers]
    lowest, highest = np.log(speed)
    factors = np.exp(rng.uniform(lowest, highest, size=1 + len(truth.interferers)))
    used = factors if target else factors[1:]
    rate = query.sample_rate_hz
    played = [_played(s, factor, rate) for s, factor in zip(sources, used, strict=True)]
    shortest = min(len(signal) for signal in played)
    together = torch.stack([signal[:shortest] for signal in played])
    clues = replace(query.clues, enrollments=tuple(_played(s, factors[0], rate) for s in query.clues.enrollments))
    if clues.video_fps is not None:
        clues = replace(clues, video_fps=clues.video_fps * round(rate * factors[0]) / rate)
    if clues.activity is not None:
        faster = round(rate * factors[0]) / rate
        times = [(start / faster, end / faster) for start, end in clues.activity]
        clues = replace(clues, activity=activity_in(times, 0.0, shortest / rate))
    parts = {name: _played(signal, factors[0], rate)[:shortest] for name, signal in truth.parts.items()}
    return (
        replace(query, mixture=together.sum(dim=0, keepdim=True), clues=clues, reference_channel=0),
        replace(
            truth,
            target=together[:1] if target else None,
            interferers=together[len(target) :],
            transcript=truth.transcript if _keeps(played[: len(target)], shortest) else None,
            parts=parts,
        ),
    )


def cut(item: Item, num_samples: int, rng: np.random.Generator) -> Item:
    """Cut the mixture with its video, and each enrollment, to at most `num_samples` at random places.

    A place in which the target is silent is drawn again, up to ten times in all. With a video the mixture is cut where
    a picture begins. A target that is cut loses its transcript.
    """
    query, truth = item
    whole = query.mixture.shape[-1]
    for _ in range(_TRIES):
        start, picture = _at_picture(_start(whole, num_samples, rng), query)
        stop = min(whole, start + num_samples)
        if truth.target is None or bool(truth.target[:, start:stop].any()):
            break
    return (
        replace(
            query,
            mixture=query.mixture[:, start:stop],
            clues=_cut_clues(_cut_times(query, start, picture, stop - start), num_samples, rng),
        ),
        replace(
            truth,
            target=None if truth.target is None else truth.target[:, start:stop],
            interferers=truth.interferers[:, start:stop],
            transcript=truth.transcript if stop - start == whole else None,
            parts={name: signal[start:stop] for name, signal in truth.parts.items()},
        ),
    )


def _at_picture(start: int, query: Query) -> tuple[int, int]:
    """The start of the picture at sample `start`, and its number; without a video the sample itself."""
    fps = query.clues.video_fps
    if fps is None:
        return start, 0
    picture = int(start * fps / query.sample_rate_hz)
    return round(picture * query.sample_rate_hz / fps), picture


def _cut_times(query: Query, start: int, picture: int, num_samples: int) -> Clues:
    """The clues with the activity, and the pictures from number `picture` on, of `num_samples` from `start` on."""
    clues, rate = query.clues, query.sample_rate_hz
    if clues.activity is not None:
        clues = replace(clues, activity=activity_in(clues.activity, start / rate, (start + num_samples) / rate))
    if clues.video is None or clues.video_fps is None:
        return clues
    count = math.ceil(num_samples * clues.video_fps / query.sample_rate_hz)
    return replace(clues, video=clues.video[picture : picture + count])


def _cut_clues(clues: Clues, num_samples: int, rng: np.random.Generator) -> Clues:
    starts = [_start(len(signal), num_samples, rng) for signal in clues.enrollments]
    pairs = zip(clues.enrollments, starts, strict=True)
    return replace(clues, enrollments=tuple(signal[start : start + num_samples] for signal, start in pairs))


def _keeps(signals: list[Tensor], num_samples: int) -> bool:
    """Whether a cut to `num_samples` takes less than −40 dB of the energy of signals [T]: silence, but for ringing."""
    return all(bool(signal[num_samples:].square().sum() <= 1e-4 * signal.square().sum()) for signal in signals)


def _start(whole: int, part: int, rng: np.random.Generator) -> int:
    return int(rng.integers(max(0, whole - part) + 1))


def _played(signal: Tensor, factor: float, rate_hz: int) -> Tensor:
    """A signal [T] played `factor` times as fast, [T / factor]."""
    # soxr wants whole rates: a step is 0.01 % at 8 kHz.
    faster_hz = round(rate_hz * factor)
    return torch.from_numpy(resample(signal.numpy(), from_hz=faster_hz, to_hz=rate_hz))
