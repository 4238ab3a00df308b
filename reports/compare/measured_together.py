"""Differences of many paired strata and parts of them, with the draws that they have in common made once.

Draws depend on the dataset, the stratum, the metric and the number of clusters alone, so that all pairs of systems and
many slices share them. The result of each is that of `PairedStratum.measure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from ...bench.statistics.comparison import family_flips
from ...bench.statistics.paired import Draws, Found, summed_differences
from ...bench.statistics.pooling import MEAN
from ...core.processors import usable_processors
from .paired_strata import Mask, MeanSums, MeasuredDifference, PairedStratum, Resampling

_THREADS = min(4, usable_processors())

Part = tuple[PairedStratum, Mask]


def measure_together(parts: Sequence[Part], settings: Resampling, *, family: int) -> list[MeasuredDifference]:
    """Results of `PairedStratum.measure` for each part; the p-values will be corrected for `family` comparisons."""
    found = [None if cell.pooling is MEAN else cell.measure(mask, settings, family=family) for cell, mask in parts]
    own = {place: parts[place][0].mean_sums(parts[place][1]) for place, known in enumerate(found) if known is None}
    differences = _differences(parts, own, settings, family_flips(family))
    return [
        known or cell.measured(mask, own[place].base, own[place].candidate, differences[place])
        for place, ((cell, mask), known) in enumerate(zip(parts, found, strict=True))
    ]


def _differences(parts: Sequence[Part], own: dict[int, MeanSums], settings: Resampling, flips: int) -> dict[int, Found]:
    """Differences by place among the parts."""
    alike: dict[tuple[str, str, str, int], list[int]] = {}
    for place, sums in own.items():
        cell = parts[place][0]
        alike.setdefault((cell.dataset, cell.condition, cell.metric, len(sums.sums)), []).append(place)
    with ThreadPoolExecutor(_THREADS) as pool:
        measured = pool.map(lambda key: _group(key[:3], alike[key], own, settings, flips), alike)
        return {place: one for group in measured for place, one in group.items()}


def _group(
    names: tuple[str, str, str], places: Sequence[int], own: dict[int, MeanSums], settings: Resampling, flips: int
) -> dict[int, Found]:
    """Differences with the same draws, by place among the parts."""
    draws = Draws((settings.seed, *names), settings.level, settings.resamples, flips)
    totals, sizes = (np.stack([own[place].sums[:, column] for place in places], axis=1) for column in (0, 1))
    counts = np.array([float(own[place].n) for place in places])
    found = zip(places, summed_differences(totals, sizes, counts, draws), strict=True)
    return {place: replace(one, value=_mean(own[place])) for place, one in found}


def _mean(own: MeanSums) -> float:
    """The mean difference, summed as for one comparison alone: rows of many columns round otherwise."""
    with np.errstate(invalid="ignore"):
        return float(np.ascontiguousarray(own.sums[:, 0]).sum() / np.ascontiguousarray(own.sums[:, 1]).sum())
