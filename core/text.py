"""Text of unknown origin (error messages, ids, transcripts) made safe to store and to show.

An exception of third-party code may raise when it is turned into text, and its text may hold lone surrogates (no file
in UTF-8 takes them), NUL (no XML takes it), escape sequences that a terminal obeys, or characters that reverse the
order of what follows. `safe_text` is for one line of a message, `visible` for text that stays whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

LIMIT = 300
_HIDDEN = re.compile(
    "["
    "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f"  # control characters without tab and line feed
    "\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"  # format
    "\\ud800-\\udfff"  # surrogates
    "\\u2028\\u2029"  # ends of lines and paragraphs
    "\\ufdd0-\\ufdef\\ufffe\\uffff"  # noncharacters
    "\\U0001d173-\\U0001d17a\\U000e0000-\\U000e007f]"
)


def safe_text(value: object, limit: int = LIMIT) -> str:
    r"""Any object as one line of at most `limit` characters, which every file and terminal takes as it is.

    White space becomes single spaces; control, direction and other hidden characters and lone surrogates become visible
    escapes such as `\x1b`. An object whose `__str__` raises or gives no string is named by its type.
    """
    text = _text(value).lstrip()[: 4 * limit]
    line = visible(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def visible(value: object) -> str:
    """The whole text of an object with its hidden characters as escapes; tabs and line feeds stay."""
    return _HIDDEN.sub(_escape, _text(value))


def shown(value: object) -> object:
    """Data of lists and mappings whose texts, also the keys, are visible."""
    if isinstance(value, Mapping):
        return {visible(key) if isinstance(key, str) else key: shown(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [shown(each) for each in value]
    return visible(value) if isinstance(value, str) else value


def json_visible(text: str) -> str:
    """The same JSON, in which hidden characters stand as escapes of JSON."""
    return _HIDDEN.sub(lambda found: json.dumps(found.group())[1:-1], text)


def error_text(error: BaseException, limit: int = LIMIT) -> str:
    """Type and message of an exception as one safe line."""
    return safe_text(f"{type_name(error)}: {_text(error)}".rstrip().removesuffix(":"), limit)


def type_name(value: object) -> str:
    """The name of an object's type, also if its class hides it."""
    return str(type.__dict__["__name__"].__get__(type(value)))


def _text(value: object) -> str:
    """The object's text as a plain `str`, which no class of its own can change."""
    try:
        return str.__str__(str(value))
    except BaseException as error:  # noqa: BLE001 - third-party object; the text says what it raised
        return f"<{type_name(value)} without a text: __str__ raised {type_name(error)}>"


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def names_of(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names in a list, or joined by commas."""
    several = names.split(",") if isinstance(names, str) else names
    return tuple(name.strip() for name in several if name.strip())
