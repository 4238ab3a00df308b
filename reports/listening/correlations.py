"""How objective metrics follow the ratings of listeners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

_LEAST = 3  # pairs of values of which a correlation says anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Correlation of a metric with ratings on one set.

    Attributes:
        n: answers, of all systems and the mixture, that have both values.
        pearson: over these; NaN if there are too few, or one side does not vary.
        spearman: of their ranks.
        n_systems: systems with both means.
        of_systems: Pearson correlation of the means over the trials that were heard.
    """

    dataset: str
    metric: str
    n: int
    pearson: float
    spearman: float
    n_systems: int
    of_systems: float


def correlations(rows: pd.DataFrame, ratings: pd.DataFrame, *, without: set[str]) -> Iterator[Correlation]:
    """Correlation of every metric of a run with the ratings of a listening test on it.

    Args:
        rows: of the run.
        ratings: rows of the listening test.
        without: conditions that are no answers: hidden reference and anchor.
    """
    rated = ratings[(ratings["status"] == "ok") & ~ratings["system"].isin(without)]
    known = rows[rows["status"] == "ok"]
    if "sample" in known:
        known = known[known["sample"] == 0]
    keys = ["dataset", "system", "trial_id"]
    both = known[[*keys, "metric", "value"]].merge(rated[[*keys, "value"]], on=keys, suffixes=("", "_rated"))
    both = both[np.isfinite(both["value"])]
    for (dataset, metric), own in both.groupby(["dataset", "metric"]):
        means = own.groupby("system")[["value", "value_rated"]].mean()
        yield Correlation(
            dataset=str(dataset),
            metric=str(metric),
            n=len(own),
            pearson=_correlation(own["value"], own["value_rated"], ranks=False),
            spearman=_correlation(own["value"], own["value_rated"], ranks=True),
            n_systems=len(means),
            of_systems=_correlation(means["value"], means["value_rated"], ranks=False),
        )


def _correlation(one: pd.Series, other: pd.Series, *, ranks: bool) -> float:
    if len(one) < _LEAST or one.nunique() < 2 or other.nunique() < 2:
        return float("nan")
    found = stats.spearmanr(one, other) if ranks else stats.pearsonr(one, other)
    return float(found.statistic)
