"""Text that cannot be written becomes one line that every file and terminal takes."""

from __future__ import annotations

import json
import unicodedata

import pytest

from tsebench.core.text import error_text, safe_text, visible


class _Raises:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __str__(self) -> str:
        raise self._error


class _NoString:
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307


class _Shouts(str):
    """A string whose own methods must not be used."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def split(self, *_: object) -> list[str]:  # type: ignore[override]
        raise RuntimeError

    def lstrip(self, *_: object) -> str:
        raise RuntimeError


class _Liar(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError


class _UnnamedError(Exception, metaclass=_Liar):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("two\n lines\tand   spaces ", "two lines and spaces"),
        ("red \x1b[31mtext\x00", "red \\x1b[31mtext\\x00"),
        ("\ud800 alone, path \udcff", "\\ud800 alone, path \\udcff"),
        ("abc\u202edcba\u2066x", "abc\\u202edcba\\u2066x"),
        ("line\u2028two\u0085three", "line two three"),
        ("\U000e0041", "\\U000e0041"),
        ("\ufffe", "\\ufffe"),
        ("don’t कर ß 中 👩\u200d🔬", "don’t कर ß 中 👩\u200d🔬"),
        (None, "None"),
        (b"bytes", "b'bytes'"),
        (_Shouts("loud"), "loud"),
        (_Raises(ValueError("x")), "<_Raises without a text: __str__ raised ValueError>"),
        (_Raises(SystemExit(0)), "<_Raises without a text: __str__ raised SystemExit>"),
        (_Raises(RecursionError()), "<_Raises without a text: __str__ raised RecursionError>"),
        (_NoString(), "<_NoString without a text: __str__ raised TypeError>"),
        (_UnnamedError(), "<_UnnamedError without a text: __str__ raised RuntimeError>"),
    ],
)
def test_any_object_has_one_safe_line(value: object, right: str) -> None:
    assert safe_text(value) == right


@pytest.mark.parametrize("text", ["x" * 5_000_000, "\x1b" * 3_000_000, " " * 3_000_000 + "end", "a\n" * 2_000_000])
def test_megabytes_are_cut(text: str) -> None:
    found = safe_text(text)
    assert 0 < len(found) <= 300
    assert len(safe_text(text, 40)) <= 40


def test_every_character_is_one_that_files_and_terminals_take() -> None:
    shown = visible("".join(map(chr, range(0x110000))))
    shown.encode()
    left = {unicodedata.category(c) for c in set(shown) - {"\t", "\n", "\u200c", "\u200d"}}
    assert not {"Cc", "Cs", "Zl", "Zp"} & left
    assert not {c for c in shown if unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}}
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize(
    ("error", "right"),
    [
        (ValueError("bad\nnews"), "ValueError: bad news"),
        (ValueError(), "ValueError"),
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (_UnnamedError(), "_UnnamedError: <_UnnamedError without a text: __str__ raised RuntimeError>"),
        (ValueError("\ud800\x00"), "ValueError: \\ud800\\x00"),
    ],
)
def test_an_error_is_named_with_its_message(error: BaseException, right: str) -> None:
    assert error_text(error) == right
