"""Share of trials in which an estimate has the voice of another speaker of the mixture.

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
from ..outcome import FailedValueError, Outcome, Submit, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.samples import samples_of
from .shared.voices import RESEMBLYZER, VoiceModel, choose_voice, cosines

_NAME = "wrong_speaker_rate"
_BACKGROUND = "background"


class WrongSpeaker:
    """`wrong_speaker_rate`: share of trials whose estimate has the voice of an interfering speaker.

    A trial has 100 % if the embedding of the estimate has a higher cosine to that of an interferer's reference than to
    that of the target, else 0 %; the mean over a set is the share. It also judges estimates that are not exact to the
    sample, where `wrong_target_rate` (SI-SDR) says nothing. Interferers are the foreground sources of the mixture, and
    are to be speech; background noise and silent sources do not count. In a folder of files the interferer is what is
    left of the mixture without the reference. A silent estimate is not a wrong speaker. How often the model itself
    confuses voices is a floor that the value of an oracle shows.

    Args:
        model: speaker model, as for `speaker_similarity`: Resemblyzer's weights (.pt) or an ONNX file; null: the
            weights of the installed package resemblyzer.
        input: input of an ONNX model: "waveform", or "fbank80".
        against: target's side: "reference", the target itself, which has the words, length and room of this mixture as
            the interferers' references do; or "enrollment", the clue.
        sample_rate_hz: rate that an ONNX model was trained at, at least 1000.
        output: name of an ONNX model's output; by default its only one.
        on_cpu: run on the CPU even if the run has a GPU; an ONNX model in worker processes.
    """

    def __init__(
        self,
        *,
        model: Path | None = None,
        input: Input = "waveform",  # noqa: A002 - what users write
        against: Literal["reference", "enrollment"] = "reference",
        sample_rate_hz: int = 16000,
        output: str | None = None,
        on_cpu: bool = False,
        device: str = "cpu",
    ) -> None:
        self._against = against
        self.info = MetricInfo(
            name=_NAME,
            unit="%",
            higher_is_better=False,
            order=121,
            description="trials whose estimate has the voice of an interfering speaker, by embeddings",
            needs_reference_energy=against == "reference",
            options=RESEMBLYZER.required,
            install=RESEMBLYZER.install,
            needs=("interferers", *(("enrollment",) if against == "enrollment" else ())),
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
        """`wrong_speaker_rate|resemblyzer|sha256:...|pauses:kept|against:reference|fs:16000|tsebench:1`."""
        voice = self._chosen.model
        return f"{_NAME}|{voice.description}|against:{self._against}|{voice.signature(sample_rate_hz)}|tsebench:1"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """100 or 0 for each answer."""
        return [self._outcome(answer, sample_rate_hz, submit) for answer in answers]

    def _outcome(self, answer: Answered, sample_rate_hz: int, submit: Submit) -> Outcome | Future[Outcome]:
        voices = _voices(answer)
        if not voices:
            return undefined("no_interferers")
        target = answer.reference if self._against == "reference" else answer.facts.enrollment
        if target is None:
            return undefined("no_enrollment")
        estimate = samples_of(answer.estimate)
        if _silent(estimate):
            return Outcome(value=0.0, status="ok")
        voice = self._chosen.model
        signals = (estimate, samples_of(target), *voices)
        job = partial(_is_wrong, signals, sample_rate_hz=sample_rate_hz, model=voice.model)
        return voice.run(job, submit)


def _voices(answer: Answered) -> list[NDArray[np.float32]]:
    """Interferers that may be speakers: foreground sources that are not silent."""
    interferers, roles = answer.facts.interferers, answer.facts.interferer_roles
    if interferers is None:
        return []
    chosen = (
        [each for each, role in zip(interferers, roles, strict=True) if role != _BACKGROUND] if roles else interferers
    )
    return [signal for each in chosen if not _silent(signal := samples_of(each[: len(answer.estimate)]))]


def _silent(signal: NDArray[np.float32]) -> bool:
    return not len(signal) or float(signal.max() - signal.min()) == 0.0


def _is_wrong(signals: Sequence[NDArray[np.float32]], *, sample_rate_hz: int, model: VoiceModel) -> float:
    """100 if the first signal's voice is nearer to one of the third and later than to the second, else 0."""
    estimate, *others = signals
    target, *interferers = cosines(estimate, others, sample_rate_hz=sample_rate_hz, model=model)
    if not np.isfinite([target, *interferers]).all():
        raise FailedValueError("non_finite_value")
    return 100.0 * (max(interferers) > target)


METRICS.register(_NAME)(WrongSpeaker)
