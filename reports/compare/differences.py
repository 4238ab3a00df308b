"""Differences of paired strata and of their slices, each family corrected for multiple testing (Holm)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ...bench.statistics.comparison import Difference, holm
from ...core.prefetch import ahead
from ..slices.dimensions import Dimension, Slice
from ..slices.slices import dimensions_of, parts_of
from .measured_together import measure_together
from .paired_strata import Mask, MeasuredDifference, PairedStratum, Resampling
from .result import Change


@dataclass(frozen=True, slots=True)
class ComparedTrials:
    """Trials of a paired stratum to compare; without a slice, all of them."""

    cell: PairedStratum
    mask: Mask
    slice: Slice | None = None


def changes_of(selections: Sequence[ComparedTrials], settings: Resampling) -> list[Change]:
    """Change of each selection, corrected for all of them.

    A part that is the same in both runs, value by value, is not tested and does not count in the family.
    """
    same = [one.cell.unchanged(one.mask) for one in selections]
    family = same.count(False)
    measured = measure_together([(one.cell, one.mask) for one in selections], settings, family=family)
    adjusted = holm([math.nan if i else m.found.p_value for i, m in zip(same, measured, strict=True)])
    return [
        _change(one, m, m.found.p_value if i else float(p), n_compared=family)
        for one, m, p, i in zip(selections, measured, adjusted, same, strict=True)
    ]


def whole_strata(cells: Sequence[PairedStratum], settings: Resampling) -> list[Change]:
    """Changes of whole strata: one family."""
    return changes_of([ComparedTrials(cell, cell.everything()) for cell in cells], settings)


def sliced(cells: Sequence[PairedStratum], settings: Resampling) -> list[Change]:
    """Changes of all slices that cut a stratum; each dimension is a family."""
    if not cells:
        return []
    trials = list({id(cell.trials): cell.trials for cell in cells}.values())  # all cells of a stratum share them
    families = (_of_dimension(dimension, cells, trials) for dimension in dimensions_of(pd.concat(trials)))
    # Sums of one family are made while the draws of another take their time.
    changes = ahead(lambda family: changes_of(family, settings), families, threads=2)
    return [change for family in changes for change in family]


def _of_dimension(
    dimension: Dimension, cells: Sequence[PairedStratum], trials: Sequence[pd.DataFrame]
) -> list[ComparedTrials]:
    """The slices of one dimension in all cells of strata that it cuts; `trials` are those of all cells."""
    cuts = {id(each): list(parts_of(each, dimension)) for each in trials}
    return [
        ComparedTrials(cell, part.mask, part.slice)
        for cell in cells
        for part in cuts[id(cell.trials)]
        if len(cuts[id(cell.trials)]) > 1
    ]


def _change(selection: ComparedTrials, measured: MeasuredDifference, p_adjusted: float, *, n_compared: int) -> Change:
    cell, found = selection.cell, measured.found
    return Change(
        system=cell.pair.title,
        dataset=cell.dataset,
        condition=cell.condition,
        metric=cell.facts,
        slice=selection.slice,
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
        n_compared=n_compared,
    )
