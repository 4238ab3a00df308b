"""Tables of papers in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ..leaderboard.board import Leaderboard
from ..papers.print_tables import PaperResult, paper_results
from ..tables.table import Cell, PrintedTable

_NAME = 30  # characters of a name that are never folded


def print_papers(board: Leaderboard, console: Console) -> list[str]:
    """Print the papers' tables that the runs' configs name, and return the report formats that have them."""
    results = paper_results(board)
    for result in results:
        console.print()
        print_paper(result, console)
    return ["results"] if results else []


def print_paper(result: PaperResult, console: Console) -> None:
    """Print the table of a paper, and the verdicts on its orderings."""
    for table in filter(None, (result.table, result.orderings)):
        console.print(Text(table.caption, style="bold"))
        for places in _parts(table, console.width):
            console.print(_grid(table, places))
        for note in table.notes:
            mark = f"({note.mark}) " if note.mark else ""
            console.print(Text(f"{mark}{note.text}", style="dim"))
        console.print()


def _parts(table: PrintedTable, room: int) -> list[list[int]]:
    """Places of columns that fit side by side, the leading ones in each part."""
    stub = list(range(table.stub))
    start = sum(_width(table, place) for place in stub)
    parts: list[list[int]] = []
    used = room + 1
    for members in _groups(table):
        needed = sum(_width(table, place) for place in members)
        if used + needed > room and (not parts or parts[-1] != stub):
            parts.append([*stub])
            used = start
        parts[-1] += members
        used += needed
    return parts


def _groups(table: PrintedTable) -> list[list[int]]:
    """Columns behind the leading ones; those below one heading stay together."""
    places = range(table.stub, len(table.heads))
    # A column without a heading is a group of its own.
    return [list(members) for _, members in groupby(places, key=lambda place: table.heads[place].group or place)]


def _width(table: PrintedTable, place: int) -> int:
    """Characters that a column needs, with the space behind it; names may be folded."""
    cells = [row.cells[place] for row in table.rows]
    widest = max((len(text) for cell in cells for text in (cell.text, cell.detail)), default=0)
    head = max((len(word) for word in table.heads[place].text.split()), default=0)
    narrow = table.heads[place].align == "l"
    return max(min(widest, _NAME) if narrow else widest, head) + 1


def _grid(table: PrintedTable, places: Sequence[int]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    before = ""
    named = any(table.heads[i].group for i in places)
    for place in places:
        head = table.heads[place]
        group = head.group if head.group != before else ""
        before = head.group
        grid.add_column(
            Text(f"{group}\n{head.text}" if named else head.text),
            justify="left" if head.align == "l" else "right",
            min_width=_width(table, place) - 1,
            overflow="fold",
        )
    for row in table.rows:
        if row.rule:
            grid.add_section()
        grid.add_row(*(_cell(row.cells[place]) for place in places))
    return grid


def _cell(cell: Cell) -> Text:
    text = Text(cell.text, style="bold" if cell.bold else "")
    if cell.marks:
        text.append(f" ({', '.join(cell.marks)})", style="red")
    if cell.detail:
        text.append(f"\n{cell.detail}", style="dim not bold")
    return text
