"""Word error rate of meetings: answers are assigned to the speakers of a recording for the fewest errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ..asr.normalise import Normaliser
from ..outcome import Outcome
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.error_rates import ErrorRate, counted, spoken_words

_NAME = "cpwer"


class CpWer(ErrorRate):
    """`cpwer`: concatenated minimum-permutation word error rate of recordings, in percent.

    All errors over all words of a set, where the answers to the trials of one recording are assigned to its speakers so
    that there are the fewest errors (Watanabe et al. 2020). The value of a single trial is its word error rate for the
    target of that trial, as `wer` has it: where `cpwer` is far below the mean of these, voices were mixed up between
    the trials. A trial that failed counts neither as an answer nor with its words. The texts of both sides are the
    `detail` of a row.
    """

    _name, _unit, _order, _language = _NAME, "words", 75, "en"
    _what, _per = "word error rate under the best assignment of answers to the speakers of a recording", "word"

    def _facts(self) -> MetricInfo:
        info = super()._facts()
        return replace(
            info, label="cpWER", pooling="permuted_rate", parts=(), reference_value=None, reference_limit=None
        )

    def _count(self, answer: Answered, transcript: str) -> Callable[[str], Outcome]:
        said = spoken_words(transcript, self._marks)
        return partial(_with_texts, said, normaliser=self.normaliser_for(answer))


def _with_texts(said: str, text: str, *, normaliser: Normaliser) -> Outcome:
    """Word errors of a text, with both texts."""
    from ..statistics.permuted import both_texts  # noqa: PLC0415 - workers start quickly

    outcome = counted(said, text, normaliser=normaliser, unit="words")
    return replace(outcome, detail=both_texts(normaliser(said), normaliser(text)), parts=())


METRICS.register(_NAME)(CpWer)
