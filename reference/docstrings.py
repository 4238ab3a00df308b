"""Google docstrings in parts: summary, description, and the words of arguments or attributes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SECTION = re.compile(r"[A-Z][A-Za-z ]*:")
_KEYED = ("Args:", "Attributes:")
_ENTRY = re.compile(r"    (\w+(?:, \w+)*): (.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocText:
    """Parts of a docstring.

    Attributes:
        summary: first line.
        paragraphs: description below it, without sections such as `Raises`.
        entries: words by name, from the sections `Args` and `Attributes`.
    """

    summary: str = ""
    paragraphs: tuple[str, ...] = ()
    entries: dict[str, str] = field(default_factory=dict)


def own_docstring(subject: object) -> DocText:
    """Docstring of an object itself, not of what it inherits from."""
    own = subject.__dict__.get("__doc__") if isinstance(subject, type) else getattr(subject, "__doc__", None)
    return parse_docstring(own or "")


def key_words(subject: object) -> dict[str, str]:
    """Words by key of a function or class; what a class does not say is taken from those that it inherits from."""
    if not isinstance(subject, type):
        return own_docstring(subject).entries
    found: dict[str, str] = {}
    for each in subject.__mro__:
        init = each.__dict__.get("__init__")
        for words in (own_docstring(each).entries, own_docstring(init).entries if init else {}):
            found = {**words, **found}
    return found


def parse_docstring(text: str) -> DocText:
    """The parts of a docstring's text."""
    lines = inspect.cleandoc(text).splitlines()
    free: list[str] = []
    entries: dict[str, str] = {}
    section = ""
    for line in lines:
        if line and not line.startswith(" "):
            section = line if _SECTION.fullmatch(line) else ""
        if not section:
            free.append(line)
        elif section in _KEYED and line != section:
            _add(entries, line)
    blocks = [*_paragraphs(free)]
    return DocText(summary=" ".join(blocks[:1]), paragraphs=tuple(blocks[1:]), entries=entries)


def _add(entries: dict[str, str], line: str) -> None:
    """Add a line of a section: a new entry, or the next line of the last one."""
    if found := _ENTRY.fullmatch(line):
        entries.update(dict.fromkeys(found[1].split(", "), found[2]))
    elif line.strip() and entries:
        last = [*entries][-1]
        entries[last] = f"{entries[last]} {line.strip()}"


def _paragraphs(lines: list[str]) -> Iterator[str]:
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line.strip())
        elif block:
            yield " ".join(block)
            block = []
