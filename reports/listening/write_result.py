"""The result of a listening test as a report: the leaderboard with the ratings, and how metrics follow them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from ...bench.rows import read_rows
from ...core.files import write_atomic
from ...core.text import visible
from ..formats.registry import write_board
from ..leaderboard.assemble import open_board
from ..leaderboard.board import Leaderboard
from ..tables.csv_text import to_csv
from .correlations import Correlation, correlations
from .designs import ANCHOR, ANCHOR_RULE, REFERENCE
from .import_answers import ImportedTest

CORRELATIONS = "correlations.csv"
_FORMATS = ("html", "md", "csv")


def result_board(run: Path, found: ImportedTest) -> Leaderboard:
    """The leaderboard of the run that was heard and of the ratings, ranked by these."""
    board = open_board([run, found.out], rank_by=found.design.metric.name)
    return replace(board, remarks=(*remarks(found), *board.remarks))


def result_correlations(run: Path, found: ImportedTest) -> tuple[Correlation, ...]:
    """Correlations of all metrics of the run with the ratings."""
    return tuple(correlations(read_rows(run), read_rows(found.out), without={REFERENCE, ANCHOR}))


def write_result(board: Leaderboard, found: Sequence[Correlation], out: Path) -> list[Path]:
    """Write the leaderboard and `correlations.csv`."""
    written = write_board(board, out, _FORMATS, {"html": {"trials": 0}})
    table = pd.DataFrame([asdict(each) for each in found])
    write_atomic(out / CORRELATIONS, to_csv(table))
    return [*written, out / CORRELATIONS]


def remarks(found: ImportedTest) -> list[str]:
    """Listeners, screening, and what intervals mean."""
    panel = len(found.listeners) + len(found.left_out)
    lines = [
        f"{found.design.metric.title}: {found.n_ratings} ratings of {len(found.listeners)} of {panel} listeners; the "
        "interval is over listeners and trials (pigeonhole bootstrap, Owen 2007); ranks compare trials, for these "
        "listeners"
    ]
    anchored = found.key.screens_by_anchor
    rules = [rule for rule in found.design.rules if anchored or not rule.startswith(ANCHOR_RULE)]
    lines += [f"screening: {rule}" for rule in rules]
    lines += [f"left out: listener {visible(name)}: {reason}" for name, reason in found.left_out.items()]
    return [*lines, *found.key.remarks]


def lines_of(found: Sequence[Correlation]) -> list[str]:
    """The correlations as lines."""
    return [
        f"{each.metric} on {each.dataset}: Pearson {_number(each.pearson)}, Spearman {_number(each.spearman)} over "
        f"{each.n} answers; {_number(each.of_systems)} over the means of {each.n_systems} systems"
        for each in found
    ]


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.2f}"
