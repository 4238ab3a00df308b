"""Similarity of an estimate and the target talker, by the user's speaker model.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...systems.shared.speaker_models import Input, SpeakerModel, open_speaker_model
from ..outcome import TOO_SHORT, Outcome, Submit, UndefinedValueError, run_model_job, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS

_NAME = "speaker_similarity"


class SpeakerSimilarity:
    """`speaker_similarity`: cosine of the speaker embeddings of estimate and enrollment.

    1 is the same voice by the model, about 0 another one, and −1 the opposite; what is high depends on the model, and
    `speaker_similarity_reference`, the value of the target itself, shows it. Undefined without an enrollment
    (`no_enrollment`) and for signals that are too short for the model. Signals go through the model one by one, because
    padding would change their embeddings.

    Args:
        model: ONNX file of a speaker model for signals of any length, which gives one embedding for [1, T] samples,
            full scale ±1, or [1, frames, 80] features.
        input: input of the model: "waveform", samples of full scale ±1, or "fbank80", 80 log mel energies as
            WeSpeaker's models take.
        against: "enrollment" compares with the clue, and needs no reference; "reference" with the target itself.
        sample_rate_hz: rate that the model was trained at, at least 1000.
        output: name of the model's output; by default its only one.
        on_cpu: run on the CPU, in worker processes, even if the run has a GPU.
    """

    def __init__(
        self,
        *,
        model: Path | None = None,
        input: Input = "waveform",  # noqa: A002 - what users write
        against: Literal["enrollment", "reference"] = "enrollment",
        sample_rate_hz: int = 16000,
        output: str | None = None,
        on_cpu: bool = False,
        device: str = "cpu",
    ) -> None:
        self._against = against
        self.info = MetricInfo(
            name=_NAME,
            unit="−1..1",
            higher_is_better=True,
            description=f"cosine of the speaker embeddings of estimate and {against}",
            needs_reference_energy=against == "reference",
            reference_value=f"{_NAME}_reference" if against == "enrollment" else None,
            options=("model",),
            needs=("enrollment",) if against == "enrollment" else (),
        )
        self._model: SpeakerModel | None = None
        if model is not None:
            self._model = open_speaker_model(
                model,
                where=f"metric {_NAME!r}",
                input=input,
                sample_rate_hz=sample_rate_hz,
                output=output,
                device="cpu" if on_cpu else device,
            )

    def signature(self, sample_rate_hz: int) -> str:
        """`speaker_similarity|model:...|sha256:...|onnxruntime:...|output:...|...|fs:16000`."""
        model = self._opened()
        rate = f"fs:{model.sample_rate_hz}"
        if sample_rate_hz != model.sample_rate_hz:
            rate = f"fs:{sample_rate_hz}>{model.sample_rate_hz}|soxr:VHQ"
        features = f"input:{model.input}" + ("|dither:0" if model.input == "fbank80" else "")
        settings = f"output:{model.model.output}|{features}|against:{self._against}"
        return f"{_NAME}|{model.model.signature()}|{settings}|{rate}|tsebench:1"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """The similarity of each estimate; one without an enrollment to compare with has none."""
        model = self._opened()
        found: list[Outcome | Future[Outcome]] = []
        for answer in answers:
            enrollment = answer.facts.enrollment
            other = answer.reference if self._against == "reference" else enrollment
            if other is None:
                found.append(undefined("no_enrollment"))
                continue
            pair = (answer.estimate, other)
            signals = tuple(signal.detach().cpu().float().numpy() for signal in pair)
            job = partial(_similarity, signals, sample_rate_hz=sample_rate_hz, model=model)
            found.append(run_model_job(job, device=model.model.device, submit=submit))
        return found

    def _opened(self) -> SpeakerModel:
        if self._model is None:
            raise ConfigError(f"metric {_NAME!r} needs its setting 'model': the path of an ONNX file")
        return self._model


def _similarity(pair: Sequence[NDArray[np.float32]], *, sample_rate_hz: int, model: SpeakerModel) -> float:
    """Cosine of the embeddings of two signals, in any process; NaN if one of them is zero."""
    embeddings = []
    for signal in pair:
        embedding = model.embedding(signal, sample_rate_hz=sample_rate_hz)
        if embedding is None:
            raise UndefinedValueError(f"{TOO_SHORT}: {len(signal)} samples at {sample_rate_hz} Hz")
        embeddings.append(embedding)
    first, second = embeddings
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.clip(first @ second / norms, -1.0, 1.0)) if norms else float("nan")


METRICS.register(_NAME)(SpeakerSimilarity)
