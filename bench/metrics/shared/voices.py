"""Speaker models of metrics: Resemblyzer, from the package or a file of the user, or the user's ONNX file.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ....core.errors import ConfigError
from ....systems.shared.speaker_models import Input, SpeakerModel, open_speaker_model
from ...outcome import TOO_SHORT, Job, Outcome, Submit, UndefinedValueError, attempt, run_model_job
from .model_files import ChosenModel, PackagedModel
from .samples import rate_signature

RESEMBLYZER = PackagedModel(
    distribution="resemblyzer", path="resemblyzer/pretrained.pt", install="pip install --no-deps resemblyzer==0.1.4"
)
"""Without its dependencies, of which one has to be compiled: its file of weights is all that is read."""

_RESEMBLYZER_HZ = 16000


class VoiceModel(Protocol):
    """Speaker model of either kind."""

    def embedding(self, signal: NDArray[np.float32], *, sample_rate_hz: int) -> NDArray[np.float64] | None:
        """Embedding [D] of a signal [T]; None if it is too short or silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedVoice:
    """A speaker model, and how it runs.

    Attributes:
        model: the model.
        description: part of signatures: the model and its settings.
        sample_rate_hz: rate that it was trained at.
        device: of an ONNX model; None: it runs in the calling process.
    """

    model: VoiceModel
    description: str
    sample_rate_hz: int
    device: str | None

    def signature(self, rate_hz: int) -> str:
        """Part of a metric's signature for signals of a rate: the rate, and how it is changed."""
        return rate_signature(rate_hz, wanted_hz=self.sample_rate_hz)

    def run(self, job: Job, submit: Submit) -> Outcome | Future[Outcome]:
        """Do a job with the model, in a worker process if it is an ONNX model on the CPU."""
        return attempt(job) if self.device is None else run_model_job(job, device=self.device, submit=submit)


def choose_voice(
    model: Path | None,
    *,
    where: str,
    input: Input,  # noqa: A002 - name of the user's option
    sample_rate_hz: int,
    output: str | None,
    device: str,
) -> ChosenModel[OpenedVoice]:
    """The speaker model of a metric's settings, opened early if it is the user's.

    Args:
        model: an ONNX file; a .pt file of Resemblyzer's weights; None: those of the package.
        where: start of an error's line.
        input: with `sample_rate_hz` and `output`, of an ONNX file alone.

    Raises:
        ConfigError: an ONNX file is not one, or settings of one are given for Resemblyzer.
        CheckpointError: a .pt file is not Resemblyzer's.
    """
    if model is None or model.suffix.lower() == ".pt":
        _check_unset({"input": input, "sample_rate_hz": sample_rate_hz, "output": output}, where)
        return ChosenModel(model, RESEMBLYZER, partial(_resemblyzer, device=device), where=where)
    opening = partial(_onnx, where=where, input=input, sample_rate_hz=sample_rate_hz, output=output, device=device)
    return ChosenModel(model, RESEMBLYZER, opening, where=where)


def _check_unset(settings: Mapping[str, object], where: str) -> None:
    defaults = {"input": "waveform", "sample_rate_hz": 16000, "output": None}
    changed = [name for name, value in settings.items() if value != defaults[name]]
    if changed:
        raise ConfigError(f"{where}: setting {changed[0]!r} is of an ONNX model; give one as `model`, or leave it out")


def _onnx(
    path: Path,
    *,
    where: str,
    input: Input,  # noqa: A002
    sample_rate_hz: int,
    output: str | None,
    device: str,
) -> OpenedVoice:
    found: SpeakerModel = open_speaker_model(
        path, where=where, input=input, sample_rate_hz=sample_rate_hz, output=output, device=device
    )
    features = f"input:{found.input}" + ("|dither:0" if found.input == "fbank80" else "")
    return OpenedVoice(
        model=found,
        description=f"{found.model.signature()}|output:{found.model.output}|{features}",
        sample_rate_hz=found.sample_rate_hz,
        device=found.model.device,
    )


def _resemblyzer(path: Path, *, device: str) -> OpenedVoice:
    # Workers import this module, and torch takes them a second.
    from ....systems.shared.resemblyzer import open_resemblyzer  # noqa: PLC0415

    found = open_resemblyzer(path, device=device)
    return OpenedVoice(model=found, description=found.signature(), sample_rate_hz=_RESEMBLYZER_HZ, device=None)


def cosines(
    first: NDArray[np.float32], others: Sequence[NDArray[np.float32]], *, sample_rate_hz: int, model: VoiceModel
) -> list[float]:
    """Cosines of the embedding of a signal [T] to those of others; NaN for an embedding of zeros.

    Raises:
        UndefinedValueError: a signal is too short for the model, or silent.
    """
    embeddings = []
    for signal in (first, *others):
        embedding = model.embedding(signal, sample_rate_hz=sample_rate_hz)
        if embedding is None:
            raise UndefinedValueError(f"{TOO_SHORT}: {len(signal)} samples at {sample_rate_hz} Hz")
        embeddings.append(embedding)
    return [_cosine(embeddings[0], other) for other in embeddings[1:]]


def _cosine(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.clip(first @ second / norms, -1.0, 1.0)) if norms else float("nan")
