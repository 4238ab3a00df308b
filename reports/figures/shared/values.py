"""Single trials of one stratum and metric: what boxes, violins, steps and clouds are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...leaderboard.board import Column, Leaderboard, Table
from .axes import Scale, limits, off_scale, scale_of
from .cells import record
from .style import Look


def values_of(board: Leaderboard, table: Table, column: Column) -> pd.DataFrame:
    """Values of a metric in a stratum: columns system, trial_id, value; only those that are ok."""
    rows = board.rows
    if rows.empty:
        return pd.DataFrame({"system": [], "trial_id": [], "value": []})
    here = (
        (rows["dataset"] == table.dataset)
        & (rows["condition"] == table.condition)
        & (rows["metric"] == column.key)
        & (rows["status"] == "ok")
    )
    found = rows.loc[here, ["system", "trial_id", "value"]]
    return found.sort_values(["system", "trial_id"], ignore_index=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Values of the systems of a table, in its order, and the scale they are drawn to."""

    systems: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    scale: Scale

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.float64]]]:
        return ((system, self.values[system]) for system in self.systems)


def spread_of(data: pd.DataFrame, table: Table, index: int, styles: Mapping[str, Look]) -> Spread:
    """Values by system; those that would squash all the others are named but not drawn."""
    cells = [entry.cells[index] for entry in table.entries]
    means = pd.DataFrame([record(cell) for cell in cells if cell is not None])
    off = off_scale(means, styles)
    scale = scale_of(means, styles, unit=table.columns[index].facts.unit)
    values = {str(name): part["value"].to_numpy(float) for name, part in data.groupby("system")}
    systems = tuple(e.system for e in table.entries if e.system in values and e.system not in off)
    finite = [x for name in systems for x in values[name] if np.isfinite(x)]
    low, high = limits(finite or [0.0])
    return Spread(
        systems=systems,
        values={name: values[name][np.isfinite(values[name])] for name in systems},
        scale=Scale(low=low, high=high, off=scale.off),
    )
