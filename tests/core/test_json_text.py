"""JSON texts: every way in which one can be wrong is a ValueError of one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tsebench.core.json_text import parse_json, read_json

BAD = [
    *(b"", b"{", b'"\xff"', b'{"a": "\\ud800"}', b"9" * 5000, b"9" * 30, b"[" * 100_000, b"[" * 300 + b"]" * 300),
    *("{'a': 1}".encode("utf-16"), b'{"a": 1} x', b"\0"),
]


@pytest.mark.parametrize("content", BAD, ids=range(len(BAD)))
def test_bad_texts(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"line \d+ column|more than 64 bits|file of zero bytes"):
        parse_json(content)


def test_values() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": [1, 2.5, null, "\\u00e9"]}') == {"a": [1, 2.5, None, "é"]}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
def test_what_is_not_finite_can_be_refused(number: str) -> None:
    text = '{"a": [{"b": ' + number + "}]}"
    parse_json(text)  # JAMS files of other programs have NaN
    with pytest.raises(ValueError, match="not finite"):
        parse_json(text, finite=True)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_json(tmp_path / "pipe")
