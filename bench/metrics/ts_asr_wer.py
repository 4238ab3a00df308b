"""Word error rate of the words that a system itself recognises: target-speaker speech recognition (TS-ASR)."""

from __future__ import annotations

from functools import partial

from ..asr.languages import checked_language
from ..asr.normalise import Normaliser, open_normaliser
from ..outcome import Outcome, attempt, undefined
from .protocol import Answered
from .registry import METRICS
from .shared.error_rates import Marks, counted, counting_signature, rate_info, spoken_words
from .shared.one_by_one import OneByOne

_NAME = "ts_asr_wer"


class TsAsrWer(OneByOne):
    """`ts_asr_wer`: errors over words of a system's own transcript, in percent; over a set, all errors over all words.

    For systems that recognise the target's speech as they extract it. The transcript of the answer is compared with
    that of the target as `wer` compares what a recogniser makes of the estimate; the signal is not looked at. An empty
    transcript counts as deletions. Undefined without a transcript of the target (`no_transcript`), and where the system
    gives none (`no_recognition`).

    Args:
        language: language of the transcripts, a code such as "en".
        normaliser: what both texts go through before they are compared, as for `wer`: "none", "basic" or "whisper_en".
        marks: "wsj" removes WSJ's verbalised punctuation and noise tags from the target's transcripts.
    """

    def __init__(self, *, language: str = "en", normaliser: str = "basic", marks: Marks = "none") -> None:
        self._marks = marks
        checked = checked_language(language, where=f"metric {_NAME!r}")
        self._normaliser: Normaliser = open_normaliser(normaliser, checked)
        self.info = rate_info(
            _NAME,
            "word error rate of the transcript that the system itself gives",
            74,
            label="TS-ASR WER",
            needs=("transcript", "recognised"),
            of_reference=False,
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`ts_asr_wer|basic:2|language:en|jiwer:4.0.0`."""
        return f"{_NAME}|{counting_signature(self._normaliser, marks=self._marks)}"

    def _outcome(self, answer: Answered) -> Outcome:
        said, recognised = answer.facts.transcript, answer.facts.recognised
        if not said:
            return undefined("no_transcript")
        if recognised is None:
            return undefined("no_recognition")
        words = spoken_words(said, self._marks)
        return attempt(partial(counted, words, recognised, normaliser=self._normaliser, unit="words"))


METRICS.register(_NAME)(TsAsrWer)
