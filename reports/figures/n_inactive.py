"""The primary metric against the number of inactive classes, with oracles as dashed lines.

Figure 3 of the query-refinement paper: SNR improvement over the number of inactive classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

import pandas as pd

from ..leaderboard.board import Column, Leaderboard, Table
from .registry import FIGURES, LeftOut, Plot
from .shared.cells import bounds, counts_of, label, record, remarks, trials
from .shared.lines import draw_lines
from .shared.style import Look, looks


class _Stop(NamedTuple):
    """One place of the line: a stratum and its primary metric."""

    n_inactive: int
    table: Table
    column: int


@FIGURES.register("n_inactive")
def n_inactive(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Primary metric against the number of inactive classes in the query."""
    styles = looks(board)
    for dataset in board.datasets:
        sweeps: dict[tuple[int, str], list[_Stop]] = {}
        for table in board.of(dataset):
            active, inactive = counts_of(table.condition)
            if active and table.primary is not None:
                key = (active, table.columns[table.primary].key)
                sweeps.setdefault(key, []).append(_Stop(inactive, table, table.primary))
        made = [(key, stops) for key, stops in sweeps.items() if len(stops) > 1]
        for (active, metric), stops in made:
            name = dataset if len(made) == 1 else f"{dataset}_{active}_active_{metric}"
            yield _plot(board, name, active, stops, styles)
        if not made:
            reason = "no two conditions with a target that differ in the number of inactive classes"
            yield LeftOut(name=dataset, reason=reason)


def _plot(board: Leaderboard, name: str, active: int, stops: list[_Stop], styles: Mapping[str, Look]) -> Plot:
    first = stops[0]
    column: Column = first.table.columns[first.column]
    cells = [(stop, entry.system, entry.cells[stop.column]) for stop in stops for entry in stop.table.entries]
    data = pd.DataFrame(
        [
            {"place": stop.n_inactive, "condition": stop.table.condition, **record(cell)}
            for stop, _, cell in cells
            if cell is not None
        ]
    ).sort_values(["system", "place"], ignore_index=True)
    told = remarks(
        (f"{system} in {stop.table.condition}", cell, stop.table.n_trials) for stop, system, cell in cells
    )
    caption = (
        f"{label(column)} against the number of inactive classes in the query; "
        f"{first.table.dataset}, {active} active, "
        f"{trials(stop.table.n_trials for stop in stops)} at each point. "
        f"Means with {bounds(board)}.{told}"
    )
    places = sorted(stop.n_inactive for stop in stops)
    draw = partial(
        draw_lines,
        data,
        column,
        styles,
        places=places,
        names=[str(place) for place in places],
        xlabel="number of inactive classes in the query",
    )
    return Plot(name=name, caption=caption, data=data, draw=draw)
