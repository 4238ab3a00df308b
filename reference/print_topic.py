"""A topic in the terminal: a table that 80 columns hold, or plain lines where the output is piped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from .keys import REQUIRED, Key, KeyTable
from .topic import Topic

_NARROW = 28
"""Columns of what stands left of the meanings."""


def print_topic(topic: Topic, console: Console) -> None:
    """Print a topic."""
    for paragraph in (topic.summary, *topic.paragraphs):
        if paragraph:
            _say(console, Text(paragraph), end="\n\n" if console.is_terminal else "\n")
    if topic.facts:
        print_pairs(topic.facts, console)
    for table in topic.tables:
        _say(console, Text(f"\n{_heading(table, topic)}", style="bold"))
        if table.keys:
            (_print_rows if console.is_terminal else _print_lines)(table.keys, console)


def print_pairs(pairs: Sequence[tuple[str, str]], console: Console) -> None:
    """Print pairs of a title and a text."""
    if not console.is_terminal:
        for title, text in pairs:
            _say(console, Text(f"{title}: {text}"))
        return
    table = _grid()
    for title, text in pairs:
        table.add_row(Text(title, style="bold"), Text(text))
    console.print(table)


def _heading(table: KeyTable, topic: Topic) -> str:
    if table.places:
        return f"Keys of {', '.join(table.places)}"
    if not table.keys:
        return f"No keys in {_plain(topic.place)}"
    return f"Keys of {_plain(topic.place)}{'; any other name too' if table.free else ''}"


def _print_rows(keys: Sequence[Key], console: Console) -> None:
    table = _grid()
    for key in keys:
        left = Text().append(key.name, style="bold")
        for detail in _details(key):
            left.append(f"\n{detail}", style="dim")
        table.add_row(left, Text(_meaning(key)))
        table.add_row()
    console.print(table)


def _print_lines(keys: Sequence[Key], console: Console) -> None:
    for key in keys:
        _say(console, Text(f"{key.name}: {', '.join(_details(key))}: {_meaning(key)}"))


def _details(key: Key) -> Iterator[str]:
    yield f"{key.type}{f' in {key.unit}' if key.unit else ''}"
    yield REQUIRED if key.default == REQUIRED else f"default {key.default}"


def _meaning(key: Key) -> str:
    return _plain(key.meaning) or "no description"


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(max_width=_NARROW, overflow="fold")
    table.add_column(ratio=1)
    return table


def _plain(text: str) -> str:
    return text.replace("`", "")


def _say(console: Console, text: RenderableType, *, end: str = "\n") -> None:
    console.print(text, end=end, highlight=False, soft_wrap=not console.is_terminal)
