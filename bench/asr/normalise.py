"""Text normalisers, which decide what counts as the same word; both sides of a comparison go through one of them."""

from __future__ import annotations

import re
import unicodedata
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

from ...core.errors import ConfigError, UnknownNameError
from ...core.packages import installed_version
from .protocol import import_package

NAMES = ("none", "basic", "whisper_en")
_WHISPER = "openai-whisper"
_REVISION = 2  # of what is done to every text; raised whenever a text changes

# Signs that stand for an apostrophe within a word: quotes, modifier letters, primes and accents typed in its place.
_APOSTROPHES = dict.fromkeys(map(ord, "’ʼʻ´`′＇ʹ՚"), "'")
_WITHIN_WORDS = {"'", "\u00b7", "\u05f3", "\u05f4", "\u0f0b"}  # Catalan's middle dot, geresh, gershayim, tsheg
_OPENED = re.compile(r"(?<=\w)[‘‛](?=\w)")  # opening quotes within a word
_WIDTHS = ("<wide>", "<narrow>")
_DOTLESS = frozenset({"tr", "az"})  # languages where I is the capital of ı, and İ of i


@dataclass(frozen=True, slots=True)
class Normaliser:
    """A text normaliser; call it with a text. Instances pickle.

    Attributes:
        language: code such as "en", or "auto"; it decides on the small letter of I.
    """

    name: str
    language: str = "en"

    def __call__(self, text: str) -> str:
        """The text with only what counts, words parted by single spaces."""
        composed = unicodedata.normalize("NFC", text)
        if self.name == "basic":
            composed = _basic(composed, self.language)
        elif self.name == "whisper_en":
            composed = str(_whisper_english()(composed.translate(_APOSTROPHES)))
        return " ".join(composed.split())

    def signature(self) -> str:
        """Name and revision; for `whisper_en` the version of the package too: `whisper_en:20250625:2`."""
        package = f":{installed_version(_WHISPER)}" if self.name == "whisper_en" else ""
        return f"{self.name}{package}:{_REVISION}"


def open_normaliser(name: str, language: str = "en") -> Normaliser:
    """The normaliser of that name. All compose letters and marks first (NFC).

    Args:
        name: "none" touches only spaces; "basic" is for every language: small letters, no punctuation but apostrophes
            within words, full width as half width, no letter parted from its marks; "whisper_en" is the one for English
            of the whisper package (Radford et al. 2023, appendix C): numbers as digits, British spelling as American,
            contractions in full, no fillers; it takes seconds to import. The package's normaliser for other languages
            is not offered: it takes marks off letters, and tears words of Hindi, Thai and others apart.
        language: of the texts, a code such as "en"; "auto": any.

    Raises:
        UnknownNameError: no such normaliser.
        ConfigError: "whisper_en" with another language, or the whisper package is missing.
    """
    if name not in NAMES:
        raise UnknownNameError("normaliser", name, NAMES)
    if name == "whisper_en":
        if language != "en":
            raise ConfigError(f"normaliser 'whisper_en' is for English, and the language is {language!r}; use 'basic'")
        _whisper_english()
    return Normaliser(name, language)


def _basic(text: str, language: str) -> str:
    """Small letters and digits with their marks; all else separates words."""
    text = _OPENED.sub("'", text).translate(_APOSTROPHES)
    halved = (unicodedata.normalize("NFKC", c) if _is_wide(c) else c for c in text)
    text = _small("".join(halved), language)
    kept = "".join(c if _stays(c) else "" if unicodedata.category(c) == "Cf" and c != "\u200b" else " " for c in text)
    # Apostrophes at the ends are part of a word ('tis, dogs'); what has no letter or digit is none.
    return " ".join(word for word in kept.split() if any(unicodedata.category(c)[0] in "LN" for c in word))


def _stays(character: str) -> bool:
    """Whether a character is part of a word: a letter, mark or digit, or a sign that stands within words."""
    return unicodedata.category(character)[0] in "LMN" or character in _WITHIN_WORDS


def _is_wide(character: str) -> bool:
    return unicodedata.decomposition(character).startswith(_WIDTHS)


def _small(text: str, language: str) -> str:
    """Small letters, composed again: the capital İ decomposes elsewhere."""
    if language in _DOTLESS:
        text = text.replace("İ", "i").replace("I", "ı")
    return unicodedata.normalize("NFC", text.replace("İ", "i").lower())


@cache
def _whisper_english() -> Any:
    """The normaliser of the package; it reads a table of spellings."""
    module = import_package("whisper.normalizers", distribution=_WHISPER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the package leaves its table open
        return module.EnglishTextNormalizer()
