"""JSON texts as plain values, with every way in which a text can be wrong as one error."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic_core import from_json

from .file_kinds import stand_in
from .files import read_limited

MAX_BYTES = 2**26
_MAX_BITS = 64


def parse_json(content: bytes | str, *, finite: bool = False) -> object:
    """The value of a JSON text in UTF-8, at most 200 deep and with integers of 64 bits.

    Args:
        finite: refuse NaN, Infinity and numbers beyond a double, such as 1e999, none of which is JSON.

    Raises:
        ValueError: it is not JSON, or beyond these bounds; the message is one short line.
    """
    if (other := stand_in(content)) is not None:
        raise ValueError(f"it is {other}")
    value = from_json(content.removeprefix(b"\xef\xbb\xbf") if isinstance(content, bytes) else content)
    waiting: list[object] = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, int) and each.bit_length() > _MAX_BITS:
            raise ValueError(f"a number has more than {_MAX_BITS} bits")
        elif finite and isinstance(each, float) and not math.isfinite(each):
            raise ValueError("a number is not finite")
    return value


def read_json(path: Path) -> object:
    """The value of a JSON file of at most 64 MB.

    Raises:
        OSError: it cannot be read, is no regular file, or is longer.
        ValueError: see `parse_json`.
    """
    return parse_json(read_limited(path, MAX_BYTES))
