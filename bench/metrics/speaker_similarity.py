"""Similarity of an estimate and the target talker, by Resemblyzer or the user's speaker model.

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

from ...systems.shared.speaker_models import Input
from ..outcome import Outcome, Submit, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.samples import samples_of
from .shared.voices import RESEMBLYZER, VoiceModel, choose_voice, cosines

_NAME = "speaker_similarity"


class SpeakerSimilarity:
    """`speaker_similarity`: cosine of the speaker embeddings of estimate and enrollment.

    1 is the same voice by the model, about 0 another one, and −1 the opposite; what is high depends on the model, and
    `speaker_similarity_reference`, the value of the target itself, shows it. `speaker_similarity_gain` is the value
    above that of the mixture, which is the baseline where there is no reference. Undefined without an enrollment
    (`no_enrollment`) and for signals that are too short for the model. Signals go through the model one by one, because
    padding would change their embeddings.

    Args:
        model: ONNX file of a speaker model for signals of any length, which gives one embedding for [1, T] samples,
            full scale ±1, or [1, frames, 80] features; or Resemblyzer's weights, a .pt file; null: those of the
            installed package, see `pip install --no-deps resemblyzer`.
        input: input of the model: "waveform", samples of full scale ±1, or "fbank80", 80 log mel energies as
            WeSpeaker's models take.
        against: "enrollment" compares with the clue, and needs no reference; "reference" with the target itself.
        sample_rate_hz: rate that an ONNX model was trained at, at least 1000.
        output: name of an ONNX model's output; by default its only one.
        on_cpu: run on the CPU even if the run has a GPU; an ONNX model in worker processes.
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
            improvement=f"{_NAME}_gain",
            needs_reference=against == "reference",
            needs_reference_energy=against == "reference",
            reference_value=f"{_NAME}_reference" if against == "enrollment" else None,
            options=RESEMBLYZER.required,
            install=RESEMBLYZER.install,
            needs=("enrollment",) if against == "enrollment" else (),
        )
        self._chosen = choose_voice(
            model,
            where=f"metric {_NAME!r}",
            input=input,
            sample_rate_hz=sample_rate_hz,
            output=output,
            device="cpu" if on_cpu else device,
        )

    def signature(self, sample_rate_hz: int) -> str:
        """`speaker_similarity|model:...|sha256:...|onnxruntime:...|output:...|...|fs:16000`."""
        voice = self._chosen.model
        return f"{_NAME}|{voice.description}|against:{self._against}|{voice.signature(sample_rate_hz)}|tsebench:1"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """The similarity of each estimate; one without an enrollment to compare with has none."""
        voice = self._chosen.model
        found: list[Outcome | Future[Outcome]] = []
        for answer in answers:
            enrollment = answer.facts.enrollment
            other = answer.reference if self._against == "reference" else enrollment
            if other is None:
                found.append(undefined("no_enrollment"))
                continue
            signals = tuple(samples_of(signal) for signal in (answer.estimate, other))
            job = partial(_similarity, signals, sample_rate_hz=sample_rate_hz, model=voice.model)
            found.append(voice.run(job, submit))
        return found


def _similarity(pair: Sequence[NDArray[np.float32]], *, sample_rate_hz: int, model: VoiceModel) -> float:
    """Cosine of the embeddings of two signals, in any process; NaN if one of them is zero."""
    first, second = pair
    (found,) = cosines(first, [second], sample_rate_hz=sample_rate_hz, model=model)
    return found


METRICS.register(_NAME)(SpeakerSimilarity)
