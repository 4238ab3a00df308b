"""Word error rate of a speech recogniser on the estimates."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ..asr.counting import count_errors
from ..asr.normalise import Normaliser, clean_reference, open_normaliser
from ..asr.protocol import SAMPLE_RATE_HZ, Recogniser, open_recogniser
from ..outcome import Outcome, Submit, UndefinedValueError, undefined
from .protocol import Answered, MetricInfo
from .registry import METRICS

_KINDS = ("substitutions", "deletions", "insertions")


class Wer:
    """`wer`: errors over words of the reference, in percent; over a set, all errors over all words.

    The transcript is the `detail` of a row. Both texts go through the normaliser.

    Args:
        backend: "pocketsphinx", or "whisper:" with a size or the path of a checkpoint.
        normaliser: "none", "basic" or "whisper_en"; by default the last one for Whisper, else "basic".
        grammar_file: JSGF grammar of all possible sentences, for pocketsphinx; by default that of the dataset, if it
            has one, else the recogniser's own language model is used.
        batch_size: most windows of speech that Whisper takes at once.
    """

    def __init__(
        self,
        *,
        backend: str = "pocketsphinx",
        normaliser: str | None = None,
        grammar_file: Path | None = None,
        grammar: str | None = None,
        device: str = "cpu",
        batch_size: int = 16,
    ) -> None:
        self._backend, self._grammar_file = backend, grammar_file
        self._grammar, self._device, self._batch_size = grammar, device, batch_size
        default = "whisper_en" if backend.startswith("whisper") else "basic"
        self._normaliser: Normaliser = open_normaliser(normaliser or default)
        parts = tuple(_info(f"wer_{kind}", f"{kind} per word of the reference") for kind in _KINDS)
        self.info = _info("wer", "word error rate", parts=parts)

    @cached_property
    def recogniser(self) -> Recogniser:
        """The recogniser, opened when it is first needed.

        Raises:
            ConfigError: there is no such recogniser, model or grammar.
        """
        grammar = self._grammar
        if self._grammar_file is not None:
            try:
                grammar = self._grammar_file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(
                    f"metric 'wer': cannot read grammar_file {str(self._grammar_file)!r}: {error}"
                ) from None
        return open_recogniser(self._backend, device=self._device, grammar=grammar, batch_size=self._batch_size)

    def signature(self, sample_rate_hz: int) -> str:
        """For example `wer|pocketsphinx:5.1.1|grammar:1a2b3c4d|basic|jiwer:4.0.0|fs:16000`."""
        rate = str(SAMPLE_RATE_HZ)
        if sample_rate_hz != SAMPLE_RATE_HZ:
            rate = f"{sample_rate_hz}>{SAMPLE_RATE_HZ}|soxr:VHQ"
        parts = (self.recogniser.signature(), self._normaliser.signature())
        return f"wer|{'|'.join(parts)}|jiwer:{version('jiwer')}|fs:{rate}"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """Word errors of each estimate; a trial without a transcript has none."""
        transcripts = [answer.facts.transcript for answer in answers]
        spoken = [place for place, text in enumerate(transcripts) if text]
        signals = [answers[place].estimate.to("cpu", torch.float32).numpy() for place in spoken]
        found: list[Outcome | Future[Outcome]] = [undefined("no_transcript")] * len(answers)
        recogniser = self.recogniser
        texts = recogniser.transcribe(signals, sample_rate_hz) if recogniser.batched else None
        for number, place in enumerate(spoken):
            reference = clean_reference(str(transcripts[place]))
            if texts is None:
                job = partial(
                    _recognised,
                    signals[number],
                    reference,
                    recogniser=recogniser,
                    normaliser=self._normaliser,
                    sample_rate_hz=sample_rate_hz,
                )
                found[place] = submit(job)
            else:
                # Here, because the normaliser of Whisper takes a worker seconds to import.
                found[place] = _counted_here(reference, texts[number], self._normaliser)
        return found


def _recognised(
    signal: NDArray[np.float32], reference: str, *, recogniser: Recogniser, normaliser: Normaliser, sample_rate_hz: int
) -> Outcome:
    (text,) = recogniser.transcribe([signal], sample_rate_hz)
    return _counted(reference, text, normaliser)


def _counted_here(reference: str, text: str, normaliser: Normaliser) -> Outcome:
    try:
        return _counted(reference, text, normaliser)
    except UndefinedValueError as error:
        return undefined(str(error))


def _counted(reference: str, text: str, normaliser: Normaliser) -> Outcome:
    """The rate, its parts in percent of the words, and the transcript.

    Raises:
        UndefinedValueError: nothing is left of the reference.
    """
    errors = count_errors(normaliser(reference), normaliser(text))
    counts = (errors.substitutions, errors.deletions, errors.insertions)
    return Outcome(
        value=errors.rate,
        status="ok",
        weight=float(errors.words),
        detail=text,
        parts=tuple(100.0 * count / errors.words for count in counts),
    )


def _info(name: str, description: str, *, parts: tuple[MetricInfo, ...] = ()) -> MetricInfo:
    return MetricInfo(
        name=name,
        unit="%",
        higher_is_better=False,
        description=description,
        label="WER" if parts else "",
        order=70 if parts else None,
        pooling="weighted_mean",
        parts=parts,
        part_of=None if parts else "wer",
        reference_value="wer_reference" if parts else None,
    )


METRICS.register("wer")(Wer)
