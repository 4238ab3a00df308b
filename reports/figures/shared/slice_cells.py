"""Means of the primary metric in slices of the trials, such as classes or bins of the input SNR."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ...leaderboard.board import Leaderboard
from ...slices.dimensions import UNKNOWN, Dimension, Slice
from ...slices.slices import SliceCell, aggregate_slices, dimensions_of
from .columns import PlotColumn
from .style import looks


def slices_of(
    board: Leaderboard, names: Collection[str]
) -> Iterator[tuple[PlotColumn, Dimension | None, list[SliceCell]]]:
    """Each table with its cells along the first of these dimensions that the rows have; none without rows."""
    rows, styles = board.score_rows, looks(board)
    dimension = next((d for d in ([] if rows.empty else dimensions_of(rows)) if d.name in names), None)
    cells: Iterable[SliceCell] = ()
    if dimension is not None:
        cells = aggregate_slices(rows, [dimension], level=board.level, resamples=board.resamples, seed=board.seed)
    for table in board.tables:
        metric = None if table.primary is None else table.columns[table.primary].key
        wanted = (table.dataset, table.condition, metric)
        own = [
            found
            for found in cells
            if (found.cell.dataset, found.cell.condition, found.cell.metric) == wanted and found.slice.value != UNKNOWN
        ]
        yield PlotColumn(board=board, table=table, index=table.primary or 0, looks=styles), dimension, own


def sizes_of(cells: Iterable[SliceCell]) -> dict[Slice, int]:
    """Number of trials of each slice that the metric applies to, the largest of all systems."""
    sizes: dict[Slice, int] = {}
    for found in cells:
        size = found.cell.n + found.cell.n_failed + found.cell.n_undefined
        sizes[found.slice] = max(size, sizes.get(found.slice, 0))
    return sizes
