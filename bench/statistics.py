"""Means over trials with bootstrap intervals, and paired differences between two systems.

The interval is the percentile bootstrap (Efron & Tibshirani 1993, ch. 13) over clusters: trials
of one mixture are not independent, so whole clusters are drawn with replacement (Field & Welsh
2007). Strata (dataset, condition kind, n_active:n_inactive) are never pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.seeding import generator
from ..errors import ConfigError

FloatArray = NDArray[np.float64]
# An aggregate is sum(numerators) / sum(denominators) over the ok rows of a cell.
Rule = Callable[[pd.DataFrame], tuple[FloatArray, FloatArray]]

INAPPLICABLE = ("absent_target", "present_target")
_FLOORED = r"(?:^|;)floored(?:;|$)"  # one of the notes; not "mixture:floored"
_KINDS = ("FMQ", "PMQ", "FUQ")
_COLUMNS = (
    *("system", "dataset", "trial_id", "condition", "n_active", "n_inactive"),
    *("cluster", "metric", "value", "status", "reason"),
)
_BLOCK = 2**21  # bootstrap draws held in memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One metric of one system in one stratum of one dataset.

    Attributes:
        condition: the stratum, for example "PMQ 1:3" (active : inactive).
        n: trials with a value; the mean is over these.
        n_undefined: trials for which the metric has no value for a reason of their own.
        n_inapplicable: trials that the metric does not apply to (target absent or present).
        n_floored: trials of `n` whose value is the metric's floor.
        mean: in the metric's unit; NaN if n is 0.
        ci_low: lower end of the interval of the mean; NaN with fewer than two clusters.
    """

    system: str
    dataset: str
    condition: str
    metric: str
    n: int
    n_undefined: int
    n_inapplicable: int
    n_failed: int
    n_floored: int
    mean: float
    median: float
    ci_low: float
    ci_high: float

    @property
    def applies(self) -> bool:
        """False if the metric applies to no trial of the cell: tables leave it out."""
        return self.n + self.n_undefined + self.n_failed > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """value(system) − value(baseline) over the trials where both have a value.

    Attributes:
        mean: in the metric's unit; NaN if n is 0.
    """

    system: str
    baseline: str
    dataset: str
    condition: str
    metric: str
    n: int
    mean: float
    ci_low: float
    ci_high: float

    @property
    def significant(self) -> bool:
        """The interval excludes zero."""
        return self.ci_low > 0.0 or self.ci_high < 0.0


def mean_over_trials(rows: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """The rule of every metric that is not in `RULES`: all trials weigh the same."""
    values = rows["value"].to_numpy(np.float64)
    return values, np.ones_like(values)


RULES: Mapping[str, Rule] = {}


def condition_label(kind: str, n_active: int, n_inactive: int) -> str:
    """Name of a stratum: ("PMQ", 1, 3) gives "PMQ 1:3"."""
    return f"{kind} {n_active}:{n_inactive}"


def condition_key(label: str) -> tuple[int, int, int, str]:
    """Sort key of labels: FMQ, PMQ, FUQ, and within a kind by active, then inactive, number."""
    kind, _, numbers = label.partition(" ")
    active, _, inactive = numbers.partition(":")
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS), int(active), int(inactive), kind


def with_condition_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `condition` replaced by the label of their stratum."""
    parts = rows[["condition", "n_active", "n_inactive"]].drop_duplicates()
    labels = {tuple(part): condition_label(*part) for part in parts.itertuples(index=False)}
    keys = zip(rows["condition"], rows["n_active"], rows["n_inactive"], strict=True)
    return rows.assign(condition=[labels[key] for key in keys])


def aggregate(
    rows: pd.DataFrame, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> list[Aggregate]:
    """Aggregate every (system, dataset, stratum, metric), sorted by dataset, stratum and system.

    The draws depend on (seed, dataset, stratum, metric) and the clusters alone: neither on the
    order of the rows nor on which other systems are there.

    Args:
        rows: as `read_rows` gives them.
        level: coverage of the interval, in (0, 1).
        resamples: number of bootstrap draws.
        seed: another seed, another interval.

    Raises:
        ConfigError: `level`, `resamples` or a column is wrong.
    """
    check_arguments(rows, level=level, resamples=resamples)
    ordered = with_condition_labels(rows).sort_values(["trial_id", "value"], kind="stable")
    cells = [
        _cell(group, tuple(key), level=level, resamples=resamples, seed=seed)
        for key, group in ordered.groupby(["system", "dataset", "condition", "metric"])
    ]
    return sorted(cells, key=lambda c: (c.dataset, condition_key(c.condition), c.system, c.metric))


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
    """Mean difference of two systems on the same trials, with a clustered bootstrap interval.

    Args:
        rows: as `read_rows` gives them.
        system: whose values count positively.
        baseline: whose values are subtracted.
        dataset: name of the dataset.
        condition: label of the stratum, for example "PMQ 1:3".
        metric: name of the metric.
        level: coverage of the interval, in (0, 1).
        resamples: number of bootstrap draws.
        seed: another seed, another interval.

    Raises:
        ConfigError: `level`, `resamples` or a column is wrong.
    """
    check_arguments(rows, level=level, resamples=resamples)
    stratum = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric)]
    clusters, differences = _paired(stratum, system, baseline, condition)
    low, high = _interval(
        differences,
        np.ones_like(differences),
        clusters,
        level=level,
        resamples=resamples,
        rng=generator("bootstrap", seed, dataset, condition, metric),
    )
    return Difference(
        system=system,
        baseline=baseline,
        dataset=dataset,
        condition=condition,
        metric=metric,
        n=len(differences),
        mean=_ratio(differences, np.ones_like(differences)),
        ci_low=low,
        ci_high=high,
    )


def _cell(
    group: pd.DataFrame, key: tuple[Any, ...], *, level: float, resamples: int, seed: int
) -> Aggregate:
    system, dataset, condition, metric = key
    ok = group[group["status"] == "ok"]
    inapplicable = (group["status"] == "undefined") & group["reason"].isin(INAPPLICABLE)
    numerators, denominators = RULES.get(metric, mean_over_trials)(ok)
    low, high = _interval(
        numerators,
        denominators,
        ok["cluster"],
        level=level,
        resamples=resamples,
        rng=generator("bootstrap", seed, dataset, condition, metric),
    )
    return Aggregate(
        system=system,
        dataset=dataset,
        condition=condition,
        metric=metric,
        n=len(ok),
        n_undefined=int((group["status"] == "undefined").sum() - inapplicable.sum()),
        n_inapplicable=int(inapplicable.sum()),
        n_failed=int((group["status"] == "failed").sum()),
        n_floored=int(ok["reason"].str.contains(_FLOORED).sum()),
        mean=_ratio(numerators, denominators),
        median=float(ok["value"].median()),
        ci_low=low,
        ci_high=high,
    )


def _paired(
    rows: pd.DataFrame, system: str, baseline: str, condition: str
) -> tuple[pd.Series, FloatArray]:
    """Cluster and difference of each trial for which both systems have a value."""
    ok = with_condition_labels(rows[rows["status"] == "ok"])
    ok = ok[ok["condition"] == condition].sort_values("trial_id", kind="stable")
    left, right = ok[ok["system"] == system], ok[ok["system"] == baseline]
    pairs = left.merge(right[["trial_id", "value"]], on="trial_id", suffixes=("", "_baseline"))
    with np.errstate(invalid="ignore"):  # two infinite values have no difference
        differences = pairs["value"].to_numpy(np.float64) - pairs["value_baseline"].to_numpy()
    return pairs["cluster"], differences


def _ratio(numerators: FloatArray, denominators: FloatArray) -> float:
    with np.errstate(invalid="ignore"):  # 0/0: the mean of nothing is NaN
        return float(np.divide(numerators.sum(), denominators.sum()))


def _interval(
    numerators: FloatArray,
    denominators: FloatArray,
    clusters: pd.Series,
    *,
    level: float,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Percentile interval of the ratio of sums; NaN with fewer than two clusters or any inf.

    A draw of K of the K clusters needs only the K sums of each, so a resample costs K look-ups
    however many trials there are.
    """
    names, codes = np.unique(clusters.to_numpy(dtype=np.str_), return_inverse=True)
    if len(names) < 2 or not np.isfinite(numerators).all():
        return np.nan, np.nan
    tops = np.bincount(codes, weights=numerators)
    bottoms = np.bincount(codes, weights=denominators)
    means = np.empty(resamples)
    step = max(1, _BLOCK // len(names))
    for start in range(0, resamples, step):
        block = means[start : start + step]
        drawn = rng.integers(len(names), size=(len(block), len(names)))
        block[:] = tops[drawn].sum(axis=1) / bottoms[drawn].sum(axis=1)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)


def check_arguments(rows: pd.DataFrame, *, level: float, resamples: int) -> None:
    """Check what `aggregate` is given.

    Raises:
        ConfigError: `level`, `resamples` or a column is wrong.
    """
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level = {level} must lie between 0 and 1; 0.95 is usual")
    if resamples < 1:
        raise ConfigError(f"resamples = {resamples} must be at least 1; 1000 is usual")
    missing = [name for name in _COLUMNS if name not in rows.columns]
    if missing:
        raise ConfigError(f"the rows have no columns {missing}; read them with read_rows")
