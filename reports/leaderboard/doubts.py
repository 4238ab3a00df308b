"""Metrics whose values mean nothing: they fail on the clean references themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from .board import Table
from .columns import Column
from .wording import number, title


def doubt(table: Table, index: int) -> str:
    """Why the values of a column mean nothing, for its cells; "" if they mean something.

    The value of the references is worse than the metric's `reference_limit`: a recogniser with 100 % word errors on
    clean speech says nothing on estimates.
    """
    column = table.columns[index]
    limit, unit = column.facts.reference_limit, column.facts.unit
    value = _of_references(table, index)
    if limit is None or math.isnan(value) or not (value < limit if column.facts.higher_is_better else value > limit):
        return ""
    return f"means nothing: {number(value, unit)} {unit} on the clean references"


def doubts(tables: Iterable[Table]) -> Iterator[str]:
    """A sentence for each column in doubt."""
    for table in tables:
        for index, column in enumerate(table.columns):
            if found := doubt(table, index):
                limit = f"{column.facts.reference_limit:g} {column.facts.unit}"
                bound = f"{'less' if column.facts.higher_is_better else 'more'} than {limit}"
                fix = "choose a recogniser (setting `backend`), language or grammar that fits the speech"
                yield f"{title(table)}: {column.key} {found} themselves, {bound}; {fix}"


def _of_references(table: Table, index: int) -> float:
    """Value of the references, which is the same for every system that has all trials; NaN if unknown."""
    wanted = reference_key(table.columns[index])
    place = next((i for i, column in enumerate(table.columns) if column.key == wanted), None)
    if place is None:
        return math.nan
    cells = [cell for entry in table.entries if (cell := entry.cells[place]) is not None]
    known = [cell for cell in cells if not math.isnan(cell.mean)]
    return max(known, key=lambda cell: cell.n).mean if known else math.nan


def reference_key(column: Column) -> str | None:
    """Key of the column of the references' own values; None if the metric has none."""
    name = column.facts.reference_value
    return None if name is None else f"{name}{column.key.removeprefix(column.facts.name)}"
