"""User's speaker model in an ONNX file: the embedding of a voice.

Worker processes import this module: it must import nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...core.mel import kaldi_fbank
from ...core.onnx import Model, open_model

MELS = 80
_LEAST_HZ = 1000

Input = Literal["waveform", "fbank80"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerModel:
    """Opened model and its kind of input.

    Attributes:
        input: "waveform", [1, T] samples, full scale ±1; or "fbank80", [1, frames, 80] features of WeSpeaker's models,
            see `mel.kaldi_fbank`.
    """

    model: Model
    input: Input
    sample_rate_hz: int  # rate that it was trained at

    def embedding(self, signal: NDArray[np.float32], *, sample_rate_hz: int) -> NDArray[np.float64] | None:
        """Embedding [D] of a signal [T]; None if it is too short."""
        from ...datasets.signals.audio import resample  # noqa: PLC0415

        features = resample(signal, from_hz=sample_rate_hz, to_hz=self.sample_rate_hz)
        if self.input == "fbank80":
            features = kaldi_fbank(features, n_mels=MELS, sample_rate_hz=self.sample_rate_hz)
        if not len(features):
            return None
        return np.asarray(self.model.run([features])[0], dtype=np.float64)


def open_speaker_model(
    path: Path,
    *,
    where: str,
    input: Input,  # noqa: A002 - name of the user's option
    sample_rate_hz: int,
    output: str | None,
    device: str,
) -> SpeakerModel:
    """Open a speaker model and try it on two lengths.

    Args:
        path: ONNX file of a model that maps signals of any length to one embedding.
        where: start of an error's line.
        sample_rate_hz: rate that it was trained at, at least 1000.
        output: name of the model's output; None for the only one.

    Raises:
        ConfigError: it cannot be loaded, or gives no embedding of fixed size.
    """
    if sample_rate_hz < _LEAST_HZ:
        raise ConfigError(
            f"{where}: sample_rate_hz = {sample_rate_hz}; set it to {_LEAST_HZ} or more, as the model was trained"
        )
    model = open_model(path, where=where, device=device, output=output)
    shapes = [(seconds * 100, MELS) if input == "fbank80" else (seconds * sample_rate_hz,) for seconds in (1, 2)]
    other = "waveform" if input == "fbank80" else "fbank80"
    hint = f"give a model that takes {input} of any length, or set `input` to {other}"
    sizes = {model.width(*shape, where=where, hint=hint) for shape in shapes}
    if len(sizes) > 1:
        raise ConfigError(
            f"{where}: output {model.output!r} of model {str(path)!r} grows with the signal, "
            "where an embedding has one size; set `output` to that of the embedding"
        )
    return SpeakerModel(model=model, input=input, sample_rate_hz=sample_rate_hz)
