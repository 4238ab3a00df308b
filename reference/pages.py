"""Pages of the reference in Markdown, for the documentation site."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .explain import KINDS, kind_of
from .keys import REQUIRED, Key, KeyTable
from .topic import Kind, Topic

_CODE = re.compile(r"(`[^`]*`)")
_TITLES = {
    "run": "Run configs",
    "dataset": "Dataset configs",
    "builder": "Builders",
    "corpus": "Corpora",
    "degradation": "Degradations",
    "train": "Training configs",
    "adapt": "Adaptation",
    "system": "Systems",
    "metric": "Metrics",
    "report": "Reports",
}


def key_pages() -> Mapping[str, str]:
    """Markdown by file name, `index.md` first; headings of topics are their names, such as `sound_mix`."""
    return {"index.md": _index(), **{f"{name}.md": _page(kind_of(name)) for name in KINDS}}


def _index() -> str:
    rows = [f"| [{_TITLES[name]}]({name}.md) | {kind_of(name).about} |" for name in KINDS]
    return "\n".join(
        [
            "# Keys of configs",
            "",
            "Every key with its type, unit, default and meaning, read from the code that uses it. "
            "`tsebench explain KIND NAME` prints the same.",
            "",
            "Editors complete and check keys by a JSON schema: write it with "
            "`tsebench explain run --schema > run.schema.json` (or `dataset`, `train`), and begin the config with "
            "`# yaml-language-server: $schema=run.schema.json`, as the YAML extension of VS Code reads it.",
            "",
            "| Page | Keys |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def _page(kind: Kind) -> str:
    lines = [f"# {_TITLES[kind.name]}", ""]
    if kind.general is not None:
        lines += _topic(kind.general())
    if kind.named is not None:
        for name in kind.names():
            lines += [f"## {name}", "", *_topic(kind.named(name))]
    return "\n".join(lines)


def _topic(topic: Topic) -> Iterator[str]:
    for paragraph in (topic.summary, *topic.paragraphs):
        yield from (escaped(paragraph), "")
    for title, text in topic.facts:
        yield f"- **{title}**: {escaped(text)}"
    yield ""
    for table in topic.tables:
        yield from _table(table, topic)


def _table(table: KeyTable, topic: Topic) -> Iterator[str]:
    if not table.places:
        yield f"Keys of {topic.place}:" if table.keys else f"No keys in {topic.place}."
    else:
        yield f"Keys of {', '.join(f'`{place}`' for place in table.places)}:"
    yield ""
    if table.keys:
        yield "| Key | Meaning |"
        yield "| --- | --- |"
    yield from map(_row, table.keys)
    yield ""


def _row(key: Key) -> str:
    """The key with its type, unit and default below it, so that a narrow page holds the table; then its meaning."""
    default = REQUIRED if key.default == REQUIRED else f"default `{key.default}`"
    unit = f", {key.unit}" if key.unit else ""
    cells = (f"`{key.name}`<br>{escaped(key.type)}{unit}<br>{default}", escaped(key.meaning))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def escaped(text: str) -> str:
    """Text whose code in backticks stays code, and whose other marks are no Markdown or HTML."""
    parts = _CODE.split(text)
    return "".join(part if _CODE.fullmatch(part) else _plain(part) for part in parts)


def _plain(text: str) -> str:
    return re.sub(r"([\\*_\[\]<>])", r"\\\1", text)
