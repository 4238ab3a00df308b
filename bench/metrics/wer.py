"""Error rates of a speech recogniser on the estimates: over words, over characters, or what the language takes."""

from __future__ import annotations

from ..asr.languages import AUTO
from .registry import METRICS
from .shared.error_rates import ErrorRate


class Wer(ErrorRate):
    """`wer`: errors over words of the reference, in percent; over a set, all errors over all words."""

    _name, _unit, _order, _language = "wer", "words", 70, "en"
    _what, _per = "word error rate", "word"


class Cer(ErrorRate):
    """`cer`: errors over characters; spaces are characters, except where the language writes none."""

    _name, _unit, _order, _language = "cer", "characters", 71, AUTO
    _what, _per = "character error rate", "character"


class Ter(ErrorRate):
    """`ter`: errors over characters for languages without spaces (Chinese, Japanese, Thai, ...), else over words."""

    _name, _unit, _order, _language = "ter", "by_language", 72, AUTO
    _what, _per = "error rate over words, or over characters in languages without spaces", "word or character"


METRICS.register("wer")(Wer)
METRICS.register("cer")(Cer)
METRICS.register("ter")(Ter)
