"""Reasons of rows without their numbers."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"(?:: (?=\w* ?(?:estimate|\d))| from \d)[^;]*")


def kind_of(reason: str) -> str:
    """The kind alone: "length" for "length: estimate has 7 samples, ...", "padded;floored" for both remarks."""
    return _NUMBERS.sub("", reason)
