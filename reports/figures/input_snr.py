"""The primary metric against the input SNR, in bins with fixed edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import pandas as pd

from ..leaderboard.board import Column, Leaderboard, Table
from ..leaderboard.wording import title
from ..slices.dimensions import NOT_TOLD, Dimension
from ..slices.slices import SliceCell, aggregate_slices, dimensions_of
from .registry import FIGURES, LeftOut, Plot
from .shared.cells import bounds, label, record, remarks
from .shared.lines import draw_lines
from .shared.style import Look, looks

_NAMES = ("input_snr", "input_snr_lufs")


@FIGURES.register("input_snr")
def input_snr(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Primary metric against the SNR of the mixture, in bins."""
    styles = looks(board)
    rows = board.score_rows
    known = [] if rows.empty else [d for d in dimensions_of(rows) if d.name in _NAMES]
    cells = (
        aggregate_slices(rows, known[:1], level=board.level, resamples=board.resamples, seed=board.seed)
        if known
        else ()
    )
    for table in board.tables:
        own = [] if table.primary is None else _of(cells, table, table.columns[table.primary])
        if len({found.slice for found in own}) > 1 and table.primary is not None:
            yield _plot(board, table, known[0], own, styles=styles)
        else:
            reason = "the trials do not differ in input SNR by a bin, or have no tag that tells it"
            yield LeftOut(name=f"{table.dataset}_{table.condition}", reason=reason)


def _of(cells: Sequence[SliceCell], table: Table, column: Column) -> list[SliceCell]:
    wanted = (table.dataset, table.condition, column.key)
    return [
        found
        for found in cells
        if (found.cell.dataset, found.cell.condition, found.cell.metric) == wanted
        and found.slice.value != NOT_TOLD
    ]


def _plot(
    board: Leaderboard,
    table: Table,
    dimension: Dimension,
    cells: Sequence[SliceCell],
    *,
    styles: Mapping[str, Look],
) -> Plot:
    column = table.columns[table.primary or 0]
    bins = sorted({found.slice for found in cells}, key=dimension.order)
    sizes = {part: max(_size(found) for found in cells if found.slice == part) for part in bins}
    data = pd.DataFrame(
        [
            {"place": bins.index(found.slice), "bin": found.slice.value, **record(found.cell)}
            for found in cells
        ]
    ).sort_values(["system", "place"], ignore_index=True)
    told = remarks(
        (f"{found.cell.system} at {found.slice.text}", found.cell, sizes[found.slice]) for found in cells
    )
    shares = ", ".join(f"{part.text}: {sizes[part]}" for part in bins)
    return Plot(
        name=f"{table.dataset}_{table.condition}",
        caption=(
            f"{label(column)} against the {dimension.title} of the target in the mixture; "
            f"{title(table)}. Trials: {shares}. Means with {bounds(board)}.{told}"
        ),
        data=data,
        draw=partial(
            draw_lines,
            data,
            column,
            styles,
            places=list(range(len(bins))),
            names=[part.text.removesuffix(f" {dimension.unit}") for part in bins],
            xlabel=f"{dimension.title} [{dimension.unit}]",
        ),
    )


def _size(found: SliceCell) -> int:
    """Trials that the metric applies to."""
    return found.cell.n + found.cell.n_failed + found.cell.n_undefined
