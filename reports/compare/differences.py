"""From cells to changes: all differences that are shown together are corrected together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from ...bench.statistics.comparison import Difference, holm
from ..leaderboard.metric_facts import metric_facts
from ..slices.dimensions import Dimension, Slice
from ..slices.slices import Part, dimensions_of, parts_of
from .comparison import Change
from .strata import Cell, Mask, Measured, Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """A part of a cell whose difference is wanted; no slice is all of it."""

    cell: Cell
    mask: Mask
    slice: Slice | None = None


def changes_of(asked: Sequence[Asked], settings: Settings) -> list[Change]:
    """The change of each part, corrected for all of them.

    What is the same in both runs, value by value, needs no test, and does not count among the
    comparisons.

    Args:
        asked: a family of comparisons.
        settings: of the draws.
    """
    same = [one.cell.unchanged(one.mask) for one in asked]
    family = same.count(False)
    measured = [one.cell.measure(one.mask, settings, family=family) for one in asked]
    adjusted = holm([math.nan if i else m.found.p_value for i, m in zip(same, measured, strict=True)])
    return [
        _change(one, m, m.found.p_value if i else float(p))
        for one, m, p, i in zip(asked, measured, adjusted, same, strict=True)
    ]


def whole_strata(cells: Sequence[Cell], settings: Settings) -> list[Change]:
    """The changes of cells as wholes: one family."""
    return changes_of([Asked(cell, cell.everything()) for cell in cells], settings)


def sliced(cells: Sequence[Cell], settings: Settings) -> list[Change]:
    """The changes of all slices that cut a stratum; those of a dimension are a family."""
    if not cells:
        return []
    found: list[Change] = []
    for dimension in dimensions_of(pd.concat([cell.trials for cell in cells])):
        asked = [
            Asked(cell, part.mask, part.slice) for cell in cells for part in cutting_parts(cell, dimension)
        ]
        found += changes_of(asked, settings)
    return found


def cutting_parts(cell: Cell, dimension: Dimension) -> Iterator[Part]:
    """The slices of a stratum; none if there is but one."""
    parts = list(parts_of(cell.trials, dimension))
    if len(parts) > 1:
        yield from parts


def _change(asked: Asked, measured: Measured, p_adjusted: float) -> Change:
    cell, found = asked.cell, measured.found
    return Change(
        system=cell.pair.title,
        dataset=cell.dataset,
        condition=cell.condition,
        metric=metric_facts(cell.metric),
        slice=asked.slice,
        base=measured.base,
        candidate=measured.candidate,
        difference=Difference(
            system=cell.pair.candidate,
            baseline=cell.pair.base,
            dataset=cell.dataset,
            condition=cell.condition,
            metric=cell.metric,
            n=found.n,
            n_clusters=found.n_clusters,
            mean=found.value,
            ci_low=found.ci_low,
            ci_high=found.ci_high,
            p_value=found.p_value,
            p_adjusted=p_adjusted,
        ),
        coverage=measured.coverage,
        n_changed=measured.n_changed,
    )
