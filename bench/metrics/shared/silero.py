"""Speech activity by Silero VAD (MIT), from the ONNX file of its package, which need not be importable.

Source: Silero Team, "Silero VAD: pre-trained enterprise-grade voice activity detector", 2024, package silero-vad 6.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....core.onnx import Model, open_model
from .model_files import ChosenModel, PackagedModel

RATE_HZ = 16000
CHUNK = 512
"""Samples of a chunk, which has one probability of speech."""
FRAME = 160
"""Samples of a frame of 10 ms, in which activities are compared."""
THRESHOLD = 0.5
"""Probability at which speech begins; it ends 0.15 lower."""

SILERO = PackagedModel(
    distribution="silero-vad",
    path="silero_vad/data/silero_vad_16k_sequence.onnx",
    install="pip install 'tsebench[vad]'",
)
SETTINGS = "threshold:0.5|speech:250ms|silence:100ms|pad:30ms"
"""Part of signatures: settings of `speech_spans`, which are the package's defaults."""

_CONTEXT = 64  # samples before a chunk that the model takes, too
_BLOCK = 512  # chunks of one call
_STATE = (1, 1, 128)
_INPUTS, _OUTPUTS = ("input", "h", "c"), ("speech_probs", "hn", "cn")
_HYSTERESIS = 0.15
_LEAST_SPEECH, _LEAST_SILENCE, _PAD = 4000, 1600, 480  # samples: 250, 100 and 30 ms

Array = NDArray[np.float32]


def choose_silero(model: Path | None, *, where: str) -> ChosenModel[Model]:
    """The model of a metric's settings, on the CPU.

    Raises:
        ConfigError: a user's file is another model.
    """
    opening = partial(open_model, where=where, output=_OUTPUTS[0], inputs=_INPUTS)
    return ChosenModel(model, SILERO, opening, where=where)


def speech_probabilities(signal: Array, model: Model) -> NDArray[np.float64]:
    """Probabilities of speech [⌈T / 512⌉] in the chunks of a signal [T] at 16 kHz; the last is filled with zeros."""
    count = -(-len(signal) // CHUNK)
    padded = np.zeros(_CONTEXT + count * CHUNK, dtype=np.float32)
    padded[_CONTEXT : _CONTEXT + len(signal)] = signal
    hidden = cell = np.zeros(_STATE, dtype=np.float32)
    found = [np.zeros(0, dtype=np.float32)]
    for start in range(0, count, _BLOCK):
        block = padded[start * CHUNK : (start + _BLOCK) * CHUNK + _CONTEXT]
        chunks = np.lib.stride_tricks.sliding_window_view(block, _CONTEXT + CHUNK)[::CHUNK]
        values, hidden, cell = model.call(dict(zip(_INPUTS, (chunks, hidden, cell), strict=True)), _OUTPUTS)
        found.append(values.reshape(-1))
    return np.concatenate(found).astype(np.float64)


def speech_spans(signal: Array, model: Model) -> list[tuple[int, int]]:
    """First and last sample + 1 of the stretches of speech in a signal [T] at 16 kHz.

    As the package's `get_speech_timestamps`: speech begins with a chunk of probability 0.5 and ends with the first
    below 0.35 of 100 ms or more; stretches up to 250 ms are none; 30 ms are added at both ends, or half of the pause.
    """
    found: list[tuple[int, int]] = []
    for start, end in _stretches(speech_probabilities(signal, model), len(signal)):
        early = max(0, start - _PAD)
        if found:
            before = found[-1]
            half = min(_PAD, (start - before[1]) // 2)
            found[-1] = (before[0], before[1] + half)
            early = start - half
        found.append((early, end))
    if found:
        found[-1] = (found[-1][0], min(len(signal), found[-1][1] + _PAD))
    return found


def _stretches(probabilities: NDArray[np.float64], length: int) -> Iterator[tuple[int, int]]:
    """Stretches of speech in samples, before they are padded."""
    start = pause = None
    for place, probability in enumerate(probabilities):
        now = place * CHUNK
        if probability >= THRESHOLD:
            start, pause = (now if start is None else start), None
        elif start is not None and probability < THRESHOLD - _HYSTERESIS:
            pause = now if pause is None else pause
            if now - pause >= _LEAST_SILENCE:
                if pause - start > _LEAST_SPEECH:
                    yield start, pause
                start = pause = None
    if start is not None and length - start > _LEAST_SPEECH:
        yield start, length


def speech_frames(signal: Array, *, sample_rate_hz: int, model: Model) -> NDArray[np.bool_]:
    """Frames of 10 ms [⌈T / 10 ms⌉] of a signal [T] at any rate whose middle is speech."""
    from ....datasets.signals.audio import resample  # noqa: PLC0415

    samples = resample(signal, from_hz=sample_rate_hz, to_hz=RATE_HZ)
    frames = np.zeros(-(-len(samples) // FRAME), dtype=np.bool_)
    for start, end in speech_spans(samples, model):
        frames[-(-(start - FRAME // 2) // FRAME) : -(-(end - FRAME // 2) // FRAME)] = True
    return frames


def near_edges(frames: NDArray[np.bool_], collar: int) -> NDArray[np.bool_]:
    """Frames [N] within `collar` frames of a change of activity."""
    near = np.zeros(len(frames), dtype=np.bool_)
    for edge in np.flatnonzero(frames[1:] != frames[:-1]) + 1:
        near[max(0, edge - collar) : edge + collar] = True
    return near
