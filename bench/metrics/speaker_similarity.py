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

from ...errors import ConfigError
from ..mel import kaldi_fbank
from ..models import Model, carry_out, open_model
from .outcome import Outcome, undefined
from .protocol import METRICS, Answered, MetricInfo, Submit, UndefinedValueError

_NAME = "speaker_similarity"
_MELS = 80
_LEAST_HZ = 1000

Input = Literal["waveform", "fbank80"]
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
        if sample_rate_hz < _LEAST_HZ:
            raise ConfigError(
                f"metric {_NAME!r}: sample_rate_hz = {sample_rate_hz}; set it to {_LEAST_HZ} or "
                "more, as the model was trained"
            )
        self._input: Input = input
        self._against, self._rate_hz = against, sample_rate_hz
        self.info = MetricInfo(
            name=_NAME,
            unit="−1..1",
            higher_is_better=True,
            description=f"cosine of the speaker embeddings of estimate and {against}",
            needs_reference_energy=against == "reference",
            reference_value=f"{_NAME}_reference" if against == "enrollment" else None,
            options=("model",),
        )
        self._model: Model | None = None
        if model is not None:
            self._model = self._opened(model, "cpu" if on_cpu else device, output)

    def signature(self, sample_rate_hz: int) -> str:
        """`speaker_similarity|model:...|sha256:...|onnxruntime:...|output:...|...|fs:16000`."""
        model = self._needed()
        rate = f"fs:{self._rate_hz}"
        if sample_rate_hz != self._rate_hz:
            rate = f"fs:{sample_rate_hz}>{self._rate_hz}|soxr:VHQ"
        heard = f"input:{self._input}" + ("|dither:0" if self._input == "fbank80" else "")
        settings = f"output:{model.output}|{heard}|against:{self._against}"
        return f"{_NAME}|{model.signature()}|{settings}|{rate}|tsebench:1"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """The similarity of each estimate; one without an enrollment to compare with has none."""
        model = self._needed()
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
                model=model,
                model_rate_hz=self._rate_hz,
                input=self._input,
            )
            found.append(carry_out(job, model=model, submit=submit))
        return found

    def _needed(self) -> Model:
        if self._model is None:
            raise ConfigError(
                f"metric {_NAME!r} needs its setting 'model': the path of an ONNX file"
            )
        return self._model

    def _opened(self, path: Path, device: str, output: str | None) -> Model:
        """The model, tried out on two lengths.

        Raises:
            ConfigError: it cannot be loaded, or gives no embedding of fixed size.
        """
        where = f"metric {_NAME!r}"
        model = open_model(path, where=where, device=device, output=output)
        shapes = [
            (seconds * 100, _MELS) if self._input == "fbank80" else (seconds * self._rate_hz,)
            for seconds in (1, 2)
        ]
        hint = (
            f"give a model that takes {self._input} of any length, or set `input` to "
            f"{'waveform' if self._input == 'fbank80' else 'fbank80'}"
        )
        sizes = {model.width(*shape, where=where, hint=hint) for shape in shapes}
        if len(sizes) > 1:
            raise ConfigError(
                f"{where}: output {model.output!r} of model {str(path)!r} grows with the signal, "
                "where an embedding has one size; set `output` to that of the embedding"
            )
        return model


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """The comparison of two signals, for any process."""

    signals: tuple[Array, Array]
    sample_rate_hz: int
    model: Model
    model_rate_hz: int
    input: Input

    def __call__(self) -> float:
        first, second = (self._embedding(signal) for signal in self.signals)
        norms = float(np.linalg.norm(first) * np.linalg.norm(second))
        return float(np.clip(first @ second / norms, -1.0, 1.0)) if norms else float("nan")

    def _embedding(self, signal: Array) -> NDArray[np.float64]:
        from ...datasets.audio import resample  # noqa: PLC0415

        heard = resample(signal, from_hz=self.sample_rate_hz, to_hz=self.model_rate_hz)
        if self.input == "fbank80":
            heard = kaldi_fbank(heard, n_mels=_MELS, sample_rate_hz=self.model_rate_hz)
        if not len(heard):
            raise UndefinedValueError("too_short")
        return np.asarray(self.model.run([heard])[0], dtype=np.float64)


METRICS.register(_NAME)(SpeakerSimilarity)
