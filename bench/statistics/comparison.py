"""Paired comparison of systems: difference, interval, p-value, correction, and tie groups.

`sign_flips` has the test and `resampling` the interval, and why these. All comparisons that are shown together are
corrected together, and ranks are groups of systems that do not differ significantly.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import with_config

from ...core.errors import ConfigError
from ...core.json_fields import CLOSED, Number, Placed
from ..text_columns import coded
from .aggregate import check_arguments, own_columns, with_condition_labels
from .paired import Draws, mean_differences, pooled_difference
from .pooling import MEAN, pooling_of
from .resampling import FloatArray
from .samples import one_per_trial
from .sign_flips import FLIPS, PRECISE

_AFFORDABLE = 2**19 - 1  # assignments of a comparison: some 10 ms
ALPHA = 0.05  # a difference is significant if its adjusted p-value is smaller


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """value(system) − value(baseline) over the trials where both have a value.

    Attributes:
        n: trials that both systems have; missing, failed and undefined ones are left out.
        n_clusters: clusters (mixtures) that these trials belong to.
        mean: in the metric's unit, of values or of pooled ones; NaN if n is 0.
        ci_low: lower end of the interval; NaN with fewer than two clusters or an infinite value.
        p_value: two-sided; 1 for a single cluster or no difference at all, NaN without a finite difference.
        p_adjusted: `p_value` corrected for the comparisons that were made together.
    """

    system: Placed
    baseline: str
    dataset: Placed
    condition: Placed
    metric: Placed
    n: int
    n_clusters: int
    mean: Number
    ci_low: Number
    ci_high: Number
    p_value: Number
    p_adjusted: Number

    @property
    def significant(self) -> bool:
        """The adjusted p-value is below `ALPHA`; False if there is none."""
        return self.p_adjusted < ALPHA


def paired_difference(
    rows: pd.DataFrame,
    *,
    system: str,
    baseline: str,
    dataset: str,
    condition: str,
    metric: str,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """Compare one system with another on the same trials: a family of one comparison, see `compare_pairs`."""
    (difference,) = compare_pairs(
        rows,
        pairs=[(system, baseline)],
        dataset=dataset,
        condition=condition,
        metric=metric,
        level=level,
        resamples=resamples,
        seed=seed,
    )
    return difference


def compare_pairs(
    rows: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str]],
    dataset: str,
    condition: str,
    metric: str,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    bounded: Collection[tuple[str, str]] | None = None,
) -> list[Difference]:
    """Compare several (system, baseline) pairs, all with the same draws, corrected together.

    The draws depend on (seed, dataset, stratum, metric) and the number of clusters alone. Floored values count as they
    stand: two systems that are both floored on a trial differ by 0 there.

    Args:
        rows: as `read_rows` gives them; several samples of a trial count as their mean.
        pairs: the family of comparisons, which `holm` corrects for.
        dataset: name of the dataset.
        condition: label of the stratum, for example "PMQ 1:3".
        metric: name of the metric.
        level: coverage of the intervals, in (0, 1).
        resamples: number of bootstrap draws.
        seed: another seed, other draws.
        bounded: pairs whose intervals are looked at, all by default; those of others may be NaN.

    Raises:
        ConfigError: an argument or a column is wrong, or a system has two values for a trial.
    """
    check_arguments(rows, level=level, resamples=resamples)
    rows = own_columns(one_per_trial(rows))
    of = rows[((rows["dataset"] == dataset) & (rows["metric"] == metric)).to_numpy(np.bool_)]
    of = coded(of, ("dataset", "condition", "metric", "status", "reason", "detail"))
    pooling = pooling_of(of, metric)
    ok = _scored(of[pooling.counted(of)], condition, metric)
    flips = precise_flips(len(pairs)) if pooling is MEAN else family_flips(len(pairs))
    draws = Draws((seed, dataset, condition, metric), level, resamples, flips)
    wanted = None if bounded is None else np.array([pair in bounded for pair in pairs], np.bool_)
    compared = (
        mean_differences(ok, pairs, draws, bounded=wanted)
        if pooling is MEAN
        else [pooled_difference(ok, pair, pooling, draws) for pair in pairs]
    )
    adjusted = holm([found.p_value for found in compared])
    return [
        Difference(
            system=system,
            baseline=baseline,
            dataset=dataset,
            condition=condition,
            metric=metric,
            n=found.n,
            n_clusters=found.n_clusters,
            mean=found.value,
            ci_low=found.ci_low,
            ci_high=found.ci_high,
            p_value=found.p_value,
            p_adjusted=float(p_adjusted),
        )
        for (system, baseline), found, p_adjusted in zip(pairs, compared, adjusted, strict=True)
    ]


def family_flips(comparisons: int) -> int:
    """Random assignments for a family: many comparisons need small p-values, and the smallest is 1 / (1 + flips)."""
    return max(FLIPS, math.ceil(4 * comparisons / ALPHA))


def precise_flips(comparisons: int) -> int:
    """Random assignments by which the decisions of a family hardly depend on the draw.

    `PRECISE` of them reach the limit of a comparison whose p-value is the smallest level of Holm's steps, so that the
    p-value is known to a fifth of its size.
    """
    return max(family_flips(comparisons), min(math.ceil(PRECISE * comparisons / ALPHA), _AFFORDABLE))


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """Adjusted p-values: below α, they keep the family-wise error below α (Holm 1979).

    The i-th smallest of m is max over j <= i of (m − j + 1) p_j, at most 1. NaN (a comparison that could not be made)
    stays NaN and does not count in m.

    Args:
        p_values: [m], in any order.

    Returns:
        [m], in the same order.
    """
    given = np.asarray(p_values, np.float64)
    adjusted = np.full_like(given, np.nan)
    order = np.argsort(given, kind="stable")[: np.count_nonzero(~np.isnan(given))]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * given[order]))
    return adjusted


def rank_groups(systems: Sequence[str], differences: Sequence[Difference]) -> tuple[int, ...]:
    """Ranks with ties: 1, 1, 3 if the first two do not differ significantly.

    From the best on, a system joins the group above it unless it differs significantly from one of its members; then it
    opens the next group, whose rank is its own place. So systems of one rank do not differ significantly. Which system
    is best is itself read from the data: hand in all pairs, corrected together, or groups will split too often.

    Args:
        systems: the best first.
        differences: of all pairs of them, either way round; others are not looked at.

    Returns:
        The rank of each system, in the order given.
    """
    apart = {frozenset((d.system, d.baseline)) for d in differences if d.significant}
    ranks: list[int] = []
    start = 0
    for place, system in enumerate(systems):
        if any(frozenset((system, member)) in apart for member in systems[start:place]):
            start = place
        ranks.append(start + 1)
    return tuple(ranks)


def _scored(rows: pd.DataFrame, condition: str, metric: str) -> pd.DataFrame:
    """Rows of one stratum, at most one for each system and trial."""
    ok = with_condition_labels(rows)
    ok = ok[ok["condition"] == condition]
    twice = ok[ok.duplicated(["system", "trial_id"])]
    if len(twice):
        system, trial = twice.iloc[0][["system", "trial_id"]]
        raise ConfigError(
            f"system {system!r} has several values of {metric!r} for trial {trial!r}; "
            "compare the rows of one run, or give each run's system a name of its own"
        )
    return ok
