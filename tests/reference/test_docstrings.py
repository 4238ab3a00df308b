"""Parts of Google docstrings, and whose words a key has."""

from __future__ import annotations

from tsebench.reference.docstrings import key_words, parse_docstring

TEXT = """Mixes `a` and `b`.

    One paragraph
    of two lines.

    Args:
        a: first one, with a
            second line: not a key.
        b, c: two at once.

    Another paragraph.

    Raises:
        ConfigError: never.
    """


class Base:
    """A base.

    Args:
        a: as the base has it.
        b: of the base alone.
    """


class Derived(Base):
    """Derived.

    Attributes:
        a: as it says itself.
    """

    def __init__(self, *, a: int, c: int) -> None:
        """Make one.

        Args:
            c: of the constructor.
        """


def test_parts() -> None:
    text = parse_docstring(TEXT)
    assert text.summary == "Mixes `a` and `b`."
    assert text.paragraphs == ("One paragraph of two lines.", "Another paragraph.")
    assert text.entries == {"a": "first one, with a second line: not a key.", "b": "two at once.", "c": "two at once."}


def test_nothing() -> None:
    text = parse_docstring("")
    assert (text.summary, text.paragraphs, text.entries) == ("", (), {})


def test_own_words_come_first() -> None:
    assert key_words(Derived) == {"a": "as it says itself.", "b": "of the base alone.", "c": "of the constructor."}
