"""A topic in the terminal: a table that 80 columns hold, or plain lines where the output is piped."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
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
            _say(console, _styled(paragraph) if console.is_terminal else Text(paragraph))
            _gap(console)
    if topic.facts:
        print_pairs(topic.facts, console)
        _gap(console)
    for table in topic.tables:
        _say(console, _heading(table, topic))
        (_print_rows if console.is_terminal else _print_lines)(table.keys, console)
        if table is not topic.tables[-1]:
            _say(console, Text())


def print_pairs(pairs: Sequence[tuple[str, str]], console: Console) -> None:
    """Print pairs of a title and a text."""
    if not console.is_terminal:
        for title, text in pairs:
            _say(console, Text(f"{title}: {text}"))
        return
    table = _grid()
    for title, text in pairs:
        table.add_row(Text(title, style="bold"), _styled(text))
    console.print(table)


def _heading(table: KeyTable, topic: Topic) -> Text:
    if table.places:
        return Text(f"Keys of {', '.join(table.places)}", style="bold")
    if not table.keys:
        return Text(f"No keys in {_plain(topic.place)}", style="bold")
    return Text(f"Keys of {_plain(topic.place)}{'; any other name too' if table.free else ''}", style="bold")


def _print_rows(keys: Sequence[Key], console: Console) -> None:
    table = _grid()
    for key in keys:
        details = "\n".join(["", key.type, _default(key)])
        table.add_row(Text.assemble((_name(key), "bold"), (details, "dim")), _styled(_meaning(key)))
        table.add_row()
    console.print(table)


def _print_lines(keys: Sequence[Key], console: Console) -> None:
    for key in keys:
        _say(console, Text(f"{_name(key)}: {key.type}, {_default(key)}: {_meaning(key)}"))


def _name(key: Key) -> str:
    return f"{key.name} [{key.unit}]" if key.unit else key.name


def _default(key: Key) -> str:
    return REQUIRED if key.default == REQUIRED else f"default {key.default}"


def _meaning(key: Key) -> str:
    return key.meaning or "no description"


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(max_width=_NARROW, overflow="fold")
    table.add_column(ratio=1)
    return table


def _styled(text: str) -> Text:
    """A text whose parts in backticks are coloured."""
    parts = text.split("`")
    return Text.assemble(*((part, "cyan" if place % 2 else "") for place, part in enumerate(parts)))


def _plain(text: str) -> str:
    return text.replace("`", "")


def _gap(console: Console) -> None:
    if console.is_terminal:
        console.print()


def _say(console: Console, text: Text) -> None:
    console.print(text, highlight=False, soft_wrap=not console.is_terminal)
