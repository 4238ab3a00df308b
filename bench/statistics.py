"""Means over trials with bootstrap intervals; `comparison` has the differences of two systems.

The interval is the percentile bootstrap (Efron & Tibshirani 1993, ch. 13) over clusters: trials
of one mixture are not independent, so whole clusters are drawn with replacement (Field & Welsh
2007). Strata (dataset, condition kind, n_active:n_inactive) are never pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.seeding import generator
from ..errors import ConfigError
from .resampling import FloatArray, resampled_ratios

# An aggregate is sum(numerators) / sum(denominators) over the ok rows of a cell.
Rule = Callable[[pd.DataFrame], tuple[FloatArray, FloatArray]]

INAPPLICABLE = ("absent_target", "present_target")
_FLOORED = r"(?:^|;)floored(?:;|$)"  # one of the notes; not "mixture:floored"
_KINDS = ("FMQ", "PMQ", "FUQ")
_COLUMNS = (
    *("system", "dataset", "trial_id", "condition", "n_active", "n_inactive"),
    *("cluster", "metric", "value", "status", "reason"),
)


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
    columns = ["condition", "n_active", "n_inactive"]
    labels = [
        condition_label(*part) for part in rows[columns].drop_duplicates().itertuples(index=False)
    ]
    # Groups are numbered as they appear, which is the order that drop_duplicates keeps.
    codes = rows.groupby(columns, sort=False).ngroup().to_numpy()
    return rows.assign(condition=np.asarray(labels, object)[codes])


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
        cell
        for key, group in ordered.groupby(["dataset", "condition", "metric"])
        for cell in _cells(group, tuple(key), level=level, resamples=resamples, seed=seed)
    ]
    return sorted(cells, key=lambda c: (c.dataset, condition_key(c.condition), c.system, c.metric))


def _cells(
    rows: pd.DataFrame, key: tuple[Any, ...], *, level: float, resamples: int, seed: int
) -> list[Aggregate]:
    """The aggregates of all systems in one (dataset, stratum, metric)."""
    rule = RULES.get(key[2], mean_over_trials)
    groups = [(str(system), group) for system, group in rows.groupby("system")]
    scored = [group[group["status"] == "ok"] for _, group in groups]
    sums = [_sums(*rule(ok), ok["cluster"]) for ok in scored]
    ends = _intervals(sums, (seed, *key), level=level, resamples=resamples)
    return [
        _cell(system, key, group, ok=ok, rule=rule, ends=ends[i])
        for i, ((system, group), ok) in enumerate(zip(groups, scored, strict=True))
    ]


def _cell(
    system: str,
    key: tuple[Any, ...],
    group: pd.DataFrame,
    *,
    ok: pd.DataFrame,
    rule: Rule,
    ends: tuple[float, float],
) -> Aggregate:
    dataset, condition, metric = key
    inapplicable = (group["status"] == "undefined") & group["reason"].isin(INAPPLICABLE)
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
        mean=_ratio(*rule(ok)),
        median=float(ok["value"].median()),
        ci_low=ends[0],
        ci_high=ends[1],
    )


def _ratio(numerators: FloatArray, denominators: FloatArray) -> float:
    with np.errstate(invalid="ignore"):  # 0/0: the mean of nothing is NaN
        return float(np.divide(numerators.sum(), denominators.sum()))


@dataclass(frozen=True, slots=True)
class _Sums:
    """A cell's numerators and denominators, summed over each of its clusters [K]."""

    clusters: tuple[str, ...]
    tops: FloatArray
    bottoms: FloatArray


def _sums(numerators: FloatArray, denominators: FloatArray, clusters: pd.Series) -> _Sums:
    codes, names = pd.factorize(clusters, sort=True)
    tops, bottoms = (
        np.asarray(np.bincount(codes, weights=parts, minlength=len(names)), np.float64)
        for parts in (numerators, denominators)
    )
    return _Sums(tuple(names), tops, bottoms)


def _intervals(
    cells: Sequence[_Sums], names: tuple[str | int, ...], *, level: float, resamples: int
) -> list[tuple[float, float]]:
    """Percentile intervals; NaN with fewer than two clusters or any inf.

    Cells with the same clusters have the same draws, so one set of draws serves them all.
    """
    ends = [(np.nan, np.nan)] * len(cells)
    alike: dict[tuple[str, ...], list[int]] = {}
    for i, cell in enumerate(cells):
        if len(cell.clusters) > 1 and np.isfinite(cell.tops).all():
            alike.setdefault(cell.clusters, []).append(i)
    tail = (1.0 - level) / 2.0
    for members in alike.values():
        ratios = resampled_ratios(
            np.stack([cells[i].tops for i in members], axis=1),
            np.stack([cells[i].bottoms for i in members], axis=1),
            resamples=resamples,
            rng=generator("bootstrap", *names),
        )
        low, high = np.quantile(ratios, [tail, 1.0 - tail], axis=0)
        for place, i in enumerate(members):
            ends[i] = float(low[place]), float(high[place])
    return ends


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
