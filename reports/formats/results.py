"""The report `results`: tables of papers with our and the published values, and which orderings hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ...core.files import make_folder, write_atomic
from ..leaderboard.board import Leaderboard
from ..papers.print_tables import PaperResult, paper_results
from ..tables.board_tables import print_table
from ..tables.escapes import markdown
from ..tables.latex_floats import to_latex
from ..tables.markdown_table import to_markdown
from ..tables.table import Cell, Head, PrintedTable, Row
from .registry import REPORTS

_INTRODUCTION = (
    "Our numbers in the layout of the papers' own tables, next to the published ones, and which of the orderings that "
    "the papers find hold. Nothing here is typed by hand: this file is written by `tsebench report RUN_DIR... "
    "--format results --out DIR` from the rows of the runs `tsebench run paper/NAME --set scale=SCALE`."
)
_WITHOUT = (
    "No run of this report names a paper's table (`paper_tables` in its config): these are the "
    "tables of the leaderboard."
)
_VERDICTS = ("holds", "fails", "undecided", "not measured")


@REPORTS.register("results")
def write_results(board: Leaderboard, out: Path, *, latex: bool = True) -> list[Path]:
    """Tables of papers with our and the published values, and which of their orderings hold.

    Args:
        board: its runs name the tables in their configs; where none does, the tables of the leaderboard itself are
            written.
        out: gets `results.md`, and `results/*.tex` for each table.
        latex: write `results/*.tex` too.

    Raises:
        UnknownNameError: a run names a table that is not there.
    """
    results = paper_results(board)
    summary = _summary(results)
    parts = [(result.run, [*filter(None, (result.table, result.orderings))]) for result in results] or [
        ("Leaderboard", [print_table(board, table) for table in board.tables])
    ]
    blocks = ["# Results", _INTRODUCTION if results else _WITHOUT]
    blocks += [to_markdown(summary)] if summary else []
    for title, tables in parts:
        blocks += [f"## {markdown(title)}", *(to_markdown(table) for table in tables)]
    paths = [make_folder(out) / "results.md"]
    write_atomic(paths[0], "\n\n".join(block.rstrip("\n") for block in blocks) + "\n")
    folder = make_folder(out / "results") if latex else out
    for table in (table for _, tables in parts for table in tables if latex):
        paths.append(folder / f"table_{table.name}.tex")
        write_atomic(paths[-1], to_latex(table))
    return paths


def _summary(results: Sequence[PaperResult]) -> PrintedTable | None:
    """Counts of verdicts on the orderings of each run; None where none is claimed."""
    rows = []
    for result in results:
        counts = Counter[str](ordering.verdict for ordering in result.judged)
        if counts:
            numbers = [Cell(text=str(counts[verdict])) for verdict in _VERDICTS]
            rows.append(Row(cells=(Cell(text=result.run), *numbers)))
    if not rows:
        return None
    heads = (Head(text="run", align="l"), *(Head(text=verdict) for verdict in _VERDICTS))
    return PrintedTable(name="orderings", caption="Orderings of the papers", heads=heads, rows=tuple(rows))
