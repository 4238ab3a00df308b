"""Topics of `tsebench explain`: several kinds, each with a name or without."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from ..core.registry import Registry
from .docstrings import DocText, own_docstring
from .keys import KeyTable, tables_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One page of the reference.

    Attributes:
        title: kind and name, as after `tsebench explain`.
        place: where its keys stand, for example "`params` of a dataset config".
        facts: what is known of it besides its keys, as pairs of title and text.
        tables: its keys, then those of the sections in them.
    """

    title: str
    summary: str
    paragraphs: tuple[str, ...] = ()
    place: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[KeyTable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of topics.

    Attributes:
        about: one line on what they are.
        names: all names, sorted; none for a kind that is a single topic.
        named: topic of a name; an UnknownNameError for any other.
        general: topic of the kind itself, if it has keys.
    """

    name: str
    about: str
    names: Callable[[], Sequence[str]] = list
    named: Callable[[str], Topic] | None = None
    general: Callable[[], Topic] | None = None


def topic_of(
    title: str,
    subject: Callable[..., object],
    *,
    place: str,
    given: Collection[str] = (),
    facts: Sequence[tuple[str, str]] = (),
) -> Topic:
    """The topic of a model, class or function: its docstring, facts and keys."""
    text = words_of(subject)
    return Topic(
        title=title,
        summary=text.summary,
        paragraphs=text.paragraphs,
        place=place,
        facts=tuple(facts),
        tables=tables_of(subject, given=given),
    )


def words_of(subject: object) -> DocText:
    """Docstring of a subject; a class has the paragraphs of those of its package that it inherits from, too."""
    if not isinstance(subject, type):
        return own_docstring(subject)
    owners = [owner for owner in subject.__mro__ if _package(owner) == _package(subject)]
    texts = [text for owner in owners if (text := own_docstring(owner)).summary]
    paragraphs = tuple(paragraph for text in texts for paragraph in text.paragraphs)
    return replace(texts[0], paragraphs=paragraphs) if texts else DocText()


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def one_line_each(registry: Registry[Callable[..., object]]) -> list[tuple[str, str]]:
    """Names of a registry with the first line of their docstrings."""
    return [(name, words_of(registry.get(name)).summary) for name in registry.names()]
