"""Text normalisers, which decide what counts as the same word, and the clean-up of references.

Both sides of a comparison go through one normaliser; references lose the marks of transcribers before that.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from ...core.errors import UnknownNameError
from .protocol import import_package

_WHISPER = "openai-whisper"

# Names of punctuation in the prompts of WSJ, after the sign itself: `,COMMA`, `"END-QUOTE`, `)RIGHT-PAREN`. The
# dictionary of CMU lists them. `.POINT` and `%PERCENT` are not among them: these words belong to numbers.
_PUNCTUATION_NAME = (
    r"comma|period|full-stop|ellipsis|(?:semi-)?colon|question-mark|exclamation-(?:point|mark)|"
    r"dash|hyphen|slash|ampersand|sharp-sign|[a-z-]*quotes?|[a-z-]*brac(?:e|es|ket|kets)|"
    r"[a-z-]*paren(?:s|thes[ei]s)?"
)
_VERBALISED = re.compile(rf"(?<!\S)[^\w\s]+(?:{_PUNCTUATION_NAME})(?!\S)", re.IGNORECASE)
_TAG = re.compile(r"\[[^\]]*\]|<(?:[\w-]*noise|laughter|breath|cough|sil|silence|unk|eps|/?s)>", re.IGNORECASE)
_UNSPOKEN = re.compile(r"\(+[^()]*\)+")
_SPOKEN_POINT = re.compile(r"(?<!\S)(?:\.(?=point(?!\S))|%(?=percent(?!\S)))", re.IGNORECASE)
_LONE_MARK = re.compile(r"(?<!\S)[.~-]+(?!\S)")


@dataclass(frozen=True, slots=True)
class Normaliser:
    """A text normaliser; call it with a text. Instances pickle."""

    name: str

    def __call__(self, text: str) -> str:
        """The text with only what counts, words parted by single spaces."""
        return " ".join(_APPLY[self.name](text).split())

    def signature(self) -> str:
        """The name, and the version of the package that defines it: `whisper_en:20250625`."""
        return f"{self.name}:{version(_WHISPER)}" if self.name == "whisper_en" else self.name


def open_normaliser(name: str) -> Normaliser:
    """The normaliser of that name.

    Args:
        name: "none" touches only spaces; "basic" writes lower case without punctuation, but with apostrophes;
            "whisper_en" is the one for English of the whisper package (Radford et al. 2023, appendix C): numbers as
            digits, British spelling as American, contractions in full, no fillers. The last one takes seconds to
            import.

    Raises:
        UnknownNameError: no such normaliser.
        ConfigError: the whisper package is missing.
    """
    if name not in _APPLY:
        raise UnknownNameError("normaliser", name, _APPLY)
    if name == "whisper_en":
        _whisper_english()
    return Normaliser(name)


def clean_reference(text: str) -> str:
    r"""Remove the marks of transcribers from a transcript; plain text stays as it is.

    The conventions are those of the detailed transcripts of WSJ (`dot_spec.doc` of LDC93S6A):

    - `\,COMMA`, `"DOUBLE-QUOTE`, ... go: verbalised punctuation, by the convention of the field.
      (Speakers of the verbalised part of the corpus do say these words.) `.POINT` and `%PERCENT`
      lose the sign.
    - `[loud_breath]`, `[<door_slam]`, `[phone_ring/]`, `<NOISE>` go: no words.
    - `(mumble)`, `REVO(LUTIONARY)-` and the name of the utterance, `(4k0c0301)`: what is in
      parentheses goes, as it was not said, or is unintelligible.
    - `<word>` and `*word*` become words: they were said, though not prompted or not clearly.
    - Backslashes, `~` (cut utterance) and a lone `.` (pause) go.
    """
    text = _VERBALISED.sub(" ", text.replace("\\", ""))
    text = _UNSPOKEN.sub("", _TAG.sub(" ", text))
    text = _SPOKEN_POINT.sub("", re.sub(r"[<>*]", "", text))
    return " ".join(_LONE_MARK.sub(" ", text).split())


def _basic(text: str) -> str:
    """Lower case; punctuation and symbols separate words, apostrophes within or next to one stay."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    letters = (c if c == "'" or unicodedata.category(c)[0] not in "PS" else " " for c in text)
    return re.sub(r"(?<!\S)'+(?!\S)", " ", "".join(letters))


@cache
def _whisper_english() -> Any:
    """The normaliser of the package; it reads a table of spellings."""
    module = import_package("whisper.normalizers", distribution=_WHISPER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the package leaves its table open
        return module.EnglishTextNormalizer()


_APPLY: dict[str, Callable[[str], str]] = {
    "none": str,
    "basic": _basic,
    "whisper_en": lambda text: str(_whisper_english()(text)),
}
