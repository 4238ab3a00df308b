"""GitHub-flavoured Markdown of tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .escapes import markdown, markdown_code
from .table import Cell, Note, PrintedTable

_ALIGNS = {"l": "---", "c": ":-:", "r": "--:"}


def markdown_lines(header: Sequence[str], rows: Iterable[Sequence[str]], *, aligns: str = "") -> str:
    """Lines of a table of escaped cells, aligned `l` (default), `c` or `r` by column."""
    rule = [_ALIGNS[align] for align in aligns or "l" * len(header)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def to_markdown(table: PrintedTable) -> str:
    """A printed table, with its caption above and its notes in a list below."""
    named = [markdown(f"{h.group}: {h.text}" if h.group else h.text, inline=True) for h in table.heads]
    lines: list[list[str]] = []
    for row in table.rows:
        if row.title:
            lines.append([f"*{markdown(row.title, inline=True)}*", *[""] * (len(table.heads) - 1)])
        lines.append([_cell(cell) for cell in row.cells])
    blocks = [
        f"**{markdown(table.caption)}**",
        markdown_lines(named, lines, aligns="".join(h.align for h in table.heads)),
    ]
    notes = [f"- {_note(note)}" for note in table.notes]
    return "\n\n".join([*blocks, *(["\n".join(notes)] if notes else [])]) + "\n"


def _cell(cell: Cell) -> str:
    text = markdown(cell.text, inline=True)
    text = f"**{text}**" if cell.bold and text else text
    text = f"<ins>{text}</ins>" if cell.underlined and text else text
    text += f"<sup>{','.join(markdown(mark, inline=True) for mark in cell.marks)}</sup>" if cell.marks else ""
    return f"{text} {markdown(cell.detail, inline=True)}".strip()


def _note(note: Note) -> str:
    mark = f"<sup>{markdown(note.mark)}</sup> " if note.mark else ""
    return mark + (markdown_code(note.text) if note.code else markdown(note.text))
