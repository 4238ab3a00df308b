"""The primary metric against the number of inactive classes, as in Figure 3 of the query-refinement paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd

from ...bench.statistics.aggregate import condition_counts
from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import plural
from .registry import FIGURES, LeftOut, Plot
from .shared.columns import PlotColumn, lone_remark, primaries, record, remarks
from .shared.lines import RING, draw_lines


@FIGURES.register("n_inactive")
def n_inactive(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Primary metric against the number of inactive classes in the query."""
    for dataset in board.datasets:
        sweeps: dict[tuple[int, str], list[PlotColumn]] = {}
        for shown in primaries(board):
            active, _ = condition_counts(shown.table.condition)
            if active and shown.table.dataset == dataset:
                sweeps.setdefault((active, shown.column.key), []).append(shown)
        made = [
            (key, strata)
            for key, strata in sweeps.items()
            if len({condition_counts(shown.table.condition) for shown in strata}) > 1
        ]
        for (active, metric), strata in made:
            name = dataset if len(made) == 1 else f"{dataset}_{active}_active_{metric}"
            yield _plot(name, active, strata)
        if not made:
            yield LeftOut(dataset, "no two conditions with a target that differ in the number of inactive classes")


def _plot(name: str, active: int, strata: Sequence[PlotColumn]) -> Plot:
    cells = [(shown.table, system, cell) for shown in strata for system, cell in shown.cells]
    data = pd.DataFrame(
        [
            {"place": condition_counts(table.condition)[1], "condition": table.condition, **record(cell)}
            for table, _, cell in cells
            if cell is not None
        ]
    ).sort_values(["system", "place"], ignore_index=True)
    missing = remarks((f"{name} in {table.condition}", cell, table.n_trials) for table, name, cell in cells)
    sizes = sorted({shown.table.n_trials for shown in strata})
    trials = plural(sizes[0], "trial") if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} trials"
    first = strata[0]
    caption = (
        f"{first.label} against the number of inactive classes in the query; {first.table.dataset}, {active} active, "
        f"{trials} at each point. Means with {first.bounds}.{lone_remark(data, RING)}{missing}"
    )
    places = sorted(condition_counts(shown.table.condition)[1] for shown in strata)
    xlabel = "number of inactive classes in the query"
    return Plot(
        name,
        caption,
        data,
        partial(draw_lines, first, data, places=places, names=[str(p) for p in places], xlabel=xlabel),
    )
