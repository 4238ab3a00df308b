"""Differential word error rate: recognition of the estimate against recognition of the clean reference."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...core.errors import ConfigError
from ..asr.normalise import Normaliser
from ..asr.recognitions import Recognitions, when_known
from ..outcome import Outcome, Submit, UndefinedValueError
from .protocol import Answered, MetricInfo
from .registry import METRICS
from .shared.error_rates import GIVEN, ErrorRate, counted, rate_info

_NOTHING = "nothing_recognised"
_INSERTIONS = "words that are not in the reference, per word of the reference: those that a system made up"


class Dwer(ErrorRate):
    """`dwer`: errors over words of what is recognised of the clean reference; over a set, all errors over all words.

    It needs no transcript, and what the recogniser makes of clean speech costs a system nothing: the reference itself
    has 0 %. `dwer_insertions` are hallucinated words, apart. Errors are those of the alignment with the fewest
    (jiwer). A trial counts by its recognised words, and is undefined (`nothing_recognised`) where the reference has
    none. Where the recogniser fails on clean speech (see `wer_reference`), it compares two failures and means nothing.
    With `wer` of the same recogniser each estimate is recognised once, and each reference once for all systems. What
    was recognised of the estimate is the `detail` of a row.

    Args:
        backend: recogniser: "pocketsphinx", which is always there, or "whisper:" with a size ("whisper:base.en") or the
            path of a checkpoint; it needs `pip install 'tsebench[asr]'`.
        language: language of the speech, a code such as "en" or "zh", or "auto": what Whisper finds in each signal.
        normaliser: what both texts go through before they are compared, as for `wer`; null: "whisper_en" for Whisper in
            English, else "basic".
        grammar_file: JSGF grammar of all possible sentences, for pocketsphinx, relative to the working folder; null:
            that of the dataset, if it has one, else the recogniser's own language model.
        batch_size: most windows of speech that Whisper takes at once.
    """

    _name, _unit, _order, _language = "dwer", "words", 73, "en"
    _what, _per = "word error rate against what is recognised of the clean reference", "word"

    def __init__(
        self,
        *,
        backend: str = "pocketsphinx",
        language: str | None = None,
        normaliser: str | None = None,
        grammar_file: Path | None = None,
        grammar: str | None = None,
        device: str = "cpu",
        batch_size: int = 16,
        recognitions: Recognitions | None = None,
    ) -> None:
        if backend == GIVEN:
            raise ConfigError(f"metric {self._name!r} recognises the references, too; name a recogniser as `backend`")
        super().__init__(
            backend=backend,
            language=language,
            normaliser=normaliser,
            grammar_file=grammar_file,
            grammar=grammar,
            device=device,
            batch_size=batch_size,
            recognitions=recognitions,
        )

    def _facts(self) -> MetricInfo:
        info = rate_info(
            self._name, self._what, self._order, label="dWER", needs=(), of_reference=False, needs_reference=True
        )
        *others, insertions = info.parts
        return replace(info, parts=(*others, replace(insertions, description=_INSERTIONS)))

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """Word errors of each estimate."""
        signals = [signal for answer in answers for signal in (answer.reference, answer.estimate)]
        texts = self.texts(signals, sample_rate_hz, submit)
        count = partial(_counted, normaliser=self.normaliser)
        return [when_known(pair, count) for pair in zip(texts[::2], texts[1::2], strict=True)]


def _counted(reference: str, text: str, *, normaliser: Normaliser) -> Outcome:
    if not normaliser(reference):
        raise UndefinedValueError(f"{_NOTHING}: no words in the reference")
    return counted(reference, text, normaliser=normaliser, unit="words")


METRICS.register("dwer")(Dwer)
