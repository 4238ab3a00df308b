"""Languages of transcripts: which are written without spaces, so that errors are counted over characters."""

from __future__ import annotations

import re
import unicodedata

from ...core.errors import ConfigError

AUTO = "auto"
_CODE = re.compile(r"[a-z]{2,3}")
_UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "km", "my", "bo"})
_SCRIPTS = (
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "BOPOMOFO",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
    "TIBETAN",
)


def checked_language(code: str, *, where: str) -> str:
    """The code, if it looks like one.

    Raises:
        ConfigError: it is neither "auto" nor of two or three small letters.
    """
    if code != AUTO and not _CODE.fullmatch(code):
        problem = "write a code of ISO 639 in small letters, such as 'en', 'hi' or 'zh', or 'auto'"
        raise ConfigError(f"{where}: language {code[:40]!r} is no code; {problem}")
    return code


def is_unspaced(text: str, language: str) -> bool:
    """Whether a text is of a language that is written without spaces.

    "auto" decides by the script of half of its letters or more: Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan.
    """
    if language != AUTO:
        return language in _UNSPACED
    letters = [c for c in text if unicodedata.category(c).startswith("L")]
    unspaced = sum(unicodedata.name(c, "").startswith(_SCRIPTS) for c in letters)
    return 2 * unspaced >= len(letters) > 0
