"""Similarity of the output's voice and the enrollment, whether the target is in the mixture or not."""

from __future__ import annotations

from collections.abc import Sequence

from ...systems.shared.speaker_models import Input
from ..outcome import TOO_SHORT, Outcome, Submit, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS

_NAME = "verification_score"
_LEAST = -1.0


class VerificationScore:
    """`verification_score`: cosine of the speaker embeddings of output and enrollment, target present or not.

    It says nothing on quality. Over trials with and without a target it is the score of a detector, by which the system
    `gated` decides: the threshold of equal errors on a development set is one for `gated`. A silent output has
    −1, as it holds no voice. Undefined without an enrollment (`no_enrollment`), and for signals that are too short for
    the embedder.

    Args:
        embedder: of voices, as for the system `gated`: a checkpoint of separate_then_identify, such as
            separate_then_identify_mini, or an ONNX file of a speaker model.
        embedder_input: input of an ONNX file: "waveform", samples of full scale ±1, or "fbank80", 80 log mel energies
            as WeSpeaker's models take.
        embedder_rate_hz: sample rate that an ONNX file was trained at; signals are resampled to it.
        embedder_output: name of an ONNX file's output; null: its only one.
    """

    def __init__(
        self,
        *,
        embedder: str = "",
        embedder_input: Input = "waveform",
        embedder_rate_hz: int = 16000,
        embedder_output: str | None = None,
        device: str = "cpu",
    ) -> None:
        self.info = MetricInfo(
            name=_NAME,
            unit="−1..1",
            description="cosine of the speaker embeddings of output and enrollment, target present or not",
            label="Verification score",
            order=83,
            scope="any",
            needs_reference_energy=False,
            needs_reference=False,
            options=("embedder",),
            needs=("enrollment",),
        )
        self._settings = f"input:{embedder_input}|fs:{embedder_rate_hz}|output:{embedder_output or 'only'}"
        self._embedder = None
        if embedder:
            # Worker processes import this module, and torch takes them a second.
            from ...systems.shared.speaker_embedders import open_embedder  # noqa: PLC0415

            self._embedder = open_embedder(
                embedder,
                where=f"metric {_NAME!r}",
                input=embedder_input,
                sample_rate_hz=embedder_rate_hz,
                output=embedder_output,
                device=device,
            )

    def signature(self, sample_rate_hz: int) -> str:
        """`verification_score|embedder:sha256:...|input:waveform|fs:16000|output:only|rate:8000|tsebench:1`."""
        sha256 = "none" if self._embedder is None else self._embedder.sha256[:8]
        return f"{_NAME}|embedder:sha256:{sha256}|{self._settings}|rate:{sample_rate_hz}|tsebench:1"

    def judge(
        self,
        answers: Sequence[Answered],
        *,
        sample_rate_hz: int,
        submit: Submit,  # noqa: ARG002 - the network is here
    ) -> Sequence[Outcome]:
        """The cosine of each answer."""
        return [self._outcome(answer, sample_rate_hz) for answer in answers]

    def _outcome(self, answer: Answered, sample_rate_hz: int) -> Outcome:
        from ...systems.shared.speaker_embedders import cosines  # noqa: PLC0415

        enrollment = answer.facts.enrollment
        if enrollment is None or self._embedder is None:
            return undefined("no_enrollment")
        if not bool(answer.estimate.any()):
            return Outcome(value=_LEAST, status="ok", reason="floored")
        (found,) = cosines([answer.estimate], enrollment, embedder=self._embedder, sample_rate_hz=sample_rate_hz)
        if found is None:
            return undefined(f"{TOO_SHORT}: {len(answer.estimate)} samples at {sample_rate_hz} Hz")
        return Outcome(value=found, status="ok")


METRICS.register(_NAME)(VerificationScore)
