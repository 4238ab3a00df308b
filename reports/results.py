"""The report `results`: tables of papers, ours beside published, and which orderings hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..files import make_folder, write_atomic
from .board import Leaderboard
from .papers.printing import PaperResult, paper_results
from .printed import Cell, Head, PrintedTable, Row
from .registry import REPORTS

_INTRODUCTION = (
    "Our numbers in the layout of the papers' own tables, beside the published ones, and what "
    "became of the orderings that the papers find. Nothing here is typed by hand: this file is "
    "written by `tsebench report RUN_DIR... --format results --out DIR` from the rows of the runs "
    "`tsebench run paper/NAME --set scale=SCALE`."
)
_VERDICTS = ("holds", "fails", "undecided", "not measured")


@REPORTS.register("results")
def write_results(board: Leaderboard, out: Path) -> list[Path]:
    """Tables of papers, ours beside published, and which of their orderings hold.

    Args:
        board: its runs name the tables in their configs; without any, nothing is written.
        out: gets `results.md`, and `results/*.tex` for each table.

    Raises:
        UnknownNameError: a run names a table that is not there.
        OutputError: the folder cannot be written.
    """
    results = paper_results(board)
    if not results:
        return []
    paths = [make_folder(out) / "results.md"]
    write_atomic(paths[0], results_markdown(results))
    folder = make_folder(out / "results")
    for result in results:
        for table in filter(None, (result.table, result.orderings)):
            paths.append(folder / f"table_{table.name}.tex")
            write_atomic(paths[-1], table.to_latex())
    return paths


def results_markdown(results: Sequence[PaperResult]) -> str:
    """All tables and orderings, with a summary first."""
    blocks = ["# Results", _INTRODUCTION]
    summary = _summary(results)
    if summary is not None:
        blocks.append(summary.to_markdown())
    for result in results:
        blocks += [f"## {result.run}", *_tables(result)]
    return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"


def _tables(result: PaperResult) -> Iterator[str]:
    for table in filter(None, (result.table, result.orderings)):
        yield table.to_markdown()


def _summary(results: Sequence[PaperResult]) -> PrintedTable | None:
    """How many orderings of each run hold; None where none is claimed."""
    rows = []
    for result in results:
        counts = Counter[str](ordering.verdict for ordering in result.judged)
        if counts:
            numbers = [Cell(text=str(counts[verdict])) for verdict in _VERDICTS]
            rows.append(Row(cells=(Cell(text=result.run), *numbers)))
    if not rows:
        return None
    heads = (Head(text="run", align="l"), *(Head(text=verdict) for verdict in _VERDICTS))
    return PrintedTable(
        name="orderings", caption="Orderings of the papers", heads=heads, rows=tuple(rows)
    )
