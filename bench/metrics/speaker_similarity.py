"""How much an estimate sounds like the talker who was asked for, by the user's speaker model.

Worker processes import this module, so that it must stay cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...systems.shared.speaker_models import Input, SpeakerModel, open_speaker_model
from ..outcome import Outcome, Submit, UndefinedValueError, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.model_jobs import carry_out

_NAME = "speaker_similarity"

Array = NDArray[np.float32]


class SpeakerSimilarity:
    """`speaker_similarity`: cosine of the speaker embeddings of estimate and enrollment.

    Signals go through the model one by one, because padding would change their embeddings.

    Args:
        model: ONNX file of a speaker model for signals of any length, which gives one embedding
            for [1, T] samples, full scale ±1, or [1, frames, 80] features.
        input: "waveform", or "fbank80": the features of WeSpeaker's models, see `mel.kaldi_fbank`.
        against: "enrollment" compares with the clue, and needs no reference; "reference" with the
            target itself.
        sample_rate_hz: rate that the model was trained at, at least 1000.
        output: name of the model's output; by default its only one.
        on_cpu: compute it on the CPU, in worker processes, even if the run has a GPU.
        device: given by the harness.
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
        voice = self._needed()
        rate = f"fs:{voice.sample_rate_hz}"
        if sample_rate_hz != voice.sample_rate_hz:
            rate = f"fs:{sample_rate_hz}>{voice.sample_rate_hz}|soxr:VHQ"
        heard = f"input:{voice.input}" + ("|dither:0" if voice.input == "fbank80" else "")
        settings = f"output:{voice.model.output}|{heard}|against:{self._against}"
        return f"{_NAME}|{voice.model.signature()}|{settings}|{rate}|tsebench:1"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """The similarity of each estimate; one without an enrollment to compare with has none."""
        voice = self._needed()
        found: list[Outcome | Future[Outcome]] = []
        for answer in answers:
            enrollment = answer.facts.enrollment
            other = answer.reference if self._against == "reference" else enrollment
            if other is None:
                found.append(undefined("no_enrollment"))
                continue
            job = _Job(
                signals=(
                    answer.estimate.detach().cpu().float().numpy(),
                    other.detach().cpu().float().numpy(),
                ),
                sample_rate_hz=sample_rate_hz,
                voice=voice,
            )
            found.append(carry_out(job, model=voice.model, submit=submit))
        return found

    def _needed(self) -> SpeakerModel:
        if self._model is None:
            raise ConfigError(f"metric {_NAME!r} needs its setting 'model': the path of an ONNX file")
        return self._model


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """The comparison of two signals, for any process."""

    signals: tuple[Array, Array]
    sample_rate_hz: int
    voice: SpeakerModel

    def __call__(self) -> float:
        first, second = (self._embedding(signal) for signal in self.signals)
        norms = float(np.linalg.norm(first) * np.linalg.norm(second))
        return float(np.clip(first @ second / norms, -1.0, 1.0)) if norms else float("nan")

    def _embedding(self, signal: Array) -> NDArray[np.float64]:
        found = self.voice.embedding(signal, sample_rate_hz=self.sample_rate_hz)
        if found is None:
            raise UndefinedValueError("too_short")
        return found


METRICS.register(_NAME)(SpeakerSimilarity)
