"""The report `csv`: one line for each system, stratum and metric, at full precision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ..bench.statistics import Aggregate
from ..files import make_folder, write_atomic
from .board import Column, Entry, Leaderboard, Table
from .registry import REPORTS


def frame(board: Leaderboard) -> pd.DataFrame:
    """The leaderboard as a long table, for a notebook or a spreadsheet.

    Rank and difference to the leader stand in the line of the primary metric: systems of one rank
    do not differ significantly; `p_adjusted` is corrected for all comparisons of the table.
    """
    lines = pd.DataFrame(
        [
            _line(table, entry, index, column, cell)
            for table in board.tables
            for entry in table.entries
            for index, (column, cell) in enumerate(_columns(table, entry))
            if cell is not None
        ]
    )
    return lines.astype({"rank": "Int64", "n_paired": "Int64"})


@REPORTS.register("csv")
def write_csv(board: Leaderboard, out: Path) -> list[Path]:
    """Write `report.csv`.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = make_folder(out) / "report.csv"
    write_atomic(path, frame(board).to_csv(index=False, lineterminator="\n"))
    return [path]


def _columns(table: Table, entry: Entry) -> Iterator[tuple[Column, Aggregate | None]]:
    yield from zip(table.columns, entry.cells, strict=True)
    yield from zip(table.parts, entry.parts, strict=True)


def _line(
    table: Table, entry: Entry, index: int, column: Column, cell: Aggregate
) -> dict[str, str | int | float | bool | None]:
    primary = index == table.primary
    gap = entry.gap if primary else None
    return {
        "dataset": table.dataset,
        "condition": table.condition,
        "system": entry.system,
        "privileged": entry.facts.privileged,
        "rank": entry.rank if primary else None,
        "note": entry.note if primary else "",
        "warning": entry.warning,
        "metric": column.key,
        "unit": column.facts.unit,
        "mean": cell.mean,
        "trial_mean": cell.trial_mean,
        "ci_low": cell.ci_low,
        "ci_high": cell.ci_high,
        "median": cell.median,
        "n": cell.n,
        "n_expected": table.n_trials,
        "n_missing": entry.n_missing,
        "n_failed": cell.n_failed,
        "n_undefined": cell.n_undefined,
        "n_inapplicable": cell.n_inapplicable,
        "n_floored": cell.n_floored,
        "leader": table.leader if primary else None,
        "difference": gap.mean if gap else None,
        "difference_low": gap.ci_low if gap else None,
        "difference_high": gap.ci_high if gap else None,
        "n_paired": gap.n if gap else None,
        "p_value": gap.p_value if gap else None,
        "p_adjusted": gap.p_adjusted if gap else None,
        "signature": column.signature,
    }
