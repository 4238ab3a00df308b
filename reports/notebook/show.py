"""A leaderboard as text, and as HTML for a notebook."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape

from rich.console import Console

from ...core.text import visible
from ..leaderboard.board import Leaderboard
from ..tables.board_tables import print_table
from ..tables.table import Cell, Note, PrintedTable
from ..terminal.print_leaderboard import print_leaderboard

_WIDTH = 120
_SIDES = {"l": "left", "c": "center", "r": "right"}


def board_text(board: Leaderboard) -> str:
    """The tables as `tsebench run` prints them, 120 columns wide."""
    text = io.StringIO()
    print_leaderboard(board, Console(file=text, width=_WIDTH, color_system=None, legacy_windows=False))
    return "\n".join(line.rstrip() for line in visible(text.getvalue()).splitlines()).rstrip()


def board_html(board: Leaderboard, *, notes: Sequence[str] = ()) -> str:
    """One table for each dataset and condition; remarks on the runs above, notes below."""
    remarks = "".join(f"<p>{_safe(remark)}</p>" for remark in board.remarks)
    below = "".join(f"<p><small>{_safe(note)}</small></p>" for note in notes)
    return f"<div>{remarks}{''.join(_table(print_table(board, table)) for table in board.tables)}{below}</div>"


def _table(table: PrintedTable) -> str:
    sides = [_SIDES[head.align] for head in table.heads]
    pairs = zip(table.heads, sides, strict=True)
    heads = "".join(f'<th style="text-align:{side}">{_safe(head.text)}</th>' for head, side in pairs)
    rows = "".join(f"<tr>{''.join(map(_cell, row.cells, sides))}</tr>" for row in table.rows)
    notes = "".join(f"<li>{_note(note)}</li>" for note in table.notes)
    return (
        f"<table><caption>{_safe(table.caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        + (f"<details><summary>notes</summary><ul>{notes}</ul></details>" if notes else "")
    )


def _cell(cell: Cell, side: str) -> str:
    text = _safe(cell.text)
    text = f"<b>{text}</b>" if cell.bold else text
    marks = f"<sup>{_safe(','.join(cell.marks))}</sup>" if cell.marks else ""
    detail = f" <small>{_safe(cell.detail)}</small>" if cell.detail else ""
    return f'<td style="text-align:{side}">{text}{marks}{detail}</td>'


def _note(note: Note) -> str:
    text = f"<code>{_safe(note.text)}</code>" if note.code else _safe(note.text)
    return f"<sup>{_safe(note.mark)}</sup> {text}" if note.mark else text


def _safe(text: str) -> str:
    return escape(visible(text))
