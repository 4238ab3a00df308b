"""Means over trials with bootstrap intervals; `comparison` has the differences of two systems.

The interval of a mean is the studentised bootstrap over clusters (see `studentised`), that of class scores the expanded
percentile one: trials of one mixture are not independent, so whole clusters are drawn with replacement (Field & Welsh
2007). Strata (dataset, condition kind, n_active:n_inactive, and what is wrong with a video) are never pooled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from pydantic import with_config

from ...core.errors import ConfigError
from ...core.json_fields import CLOSED, Number, Placed
from ...datasets.builders.shared.av.shown import Shown
from ..outcome import NO_REFERENCE, NOT_HEARD
from ..score_row import TAG_PREFIX
from ..text_columns import coded
from . import MOST_RESAMPLES
from .listeners import listener_interval
from .pooling import LISTENERS, MEAN, Pooling, pooling_of
from .resampling import FloatArray, cluster_sums, expanded_intervals, resampled_sums, stratum_generator
from .samples import SAMPLES, VALUES, one_per_trial, seed_spread
from .studentised import moments, studentised_intervals

INAPPLICABLE = ("absent_target", "present_target", NO_REFERENCE, NOT_HEARD)
FLOORED = r"(?:^|;)floored(?:;|$)"  # one of the notes; not "mixture:floored"
_KINDS = ("FMQ", "PMQ", "FUQ")
VIDEO = "video"
"""Tag of what is shown of an on-screen speaker, by which strata are apart."""
_SHOWN: tuple[str, ...] = get_args(Shown)
_VIDEO_COLUMN = f"{TAG_PREFIX}{VIDEO}"
_COLUMNS = (
    *("system", "dataset", "trial_id", "condition", "n_active", "n_inactive"),
    *("cluster", "metric", "value", "status", "reason", "weight", "detail"),
)

TEXTS = (
    *("system", "dataset", "trial_id", "condition", "cluster", "metric", "status", "reason", "detail"),
    *(_VIDEO_COLUMN, "base_metric", "pooling"),
)
"""Columns of text that an aggregate reads."""


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One metric of one system in one stratum of one dataset.

    Attributes:
        condition: the stratum, for example "PMQ 1:3" (active : inactive), or "FMQ 1:0 frozen video" in a set with
            several videos for each mixture; "" without a query.
        n: trials with a value; the mean is over these.
        n_undefined: trials for which the metric has no value for a reason of their own.
        n_inapplicable: trials that the metric does not apply to (target absent or present, no clean reference, or no
            listener).
        n_floored: trials of `n` whose value is the metric's value of silence, or its floor.
        mean: in the metric's unit; NaN if n is 0. Of a pooled metric, the value of all trials together (all errors over
            all words).
        trial_mean: mean over trials that all weigh the same.
        ci_low: lower end of the interval of the mean; NaN with fewer than two clusters.
        n_samples: answers of the system to each trial, whose mean is the trial's value.
        seed_sd: spread between the seeds: standard deviation of the `n_samples` means that the single samples have over
            all trials; NaN for one sample.
    """

    system: Placed
    dataset: Placed
    condition: Placed
    metric: Placed
    n: int
    n_undefined: int
    n_inapplicable: int
    n_failed: int
    n_floored: int
    mean: Number
    trial_mean: Number
    median: Number
    ci_low: Number
    ci_high: Number
    n_samples: int = 1
    seed_sd: Number = math.nan

    @property
    def applies(self) -> bool:
        """False if the metric applies to no trial of the cell: tables leave it out."""
        return self.n + self.n_undefined + self.n_failed > 0


def condition_label(kind: str, n_active: int, n_inactive: int, video: object = None) -> str:
    """Name of a stratum: ("PMQ", 1, 3) gives "PMQ 1:3", ("FMQ", 1, 0, "late") "FMQ 1:0 late video"; "" without a query.

    `video` is the tag of that name; one that no builder of ours gives is no stratum.
    """
    shown = f" {video} video" if isinstance(video, str) and video in _SHOWN else ""
    return f"{kind} {n_active}:{n_inactive}{shown}" if kind else ""


def condition_counts(label: str) -> tuple[int, int]:
    """Active and inactive classes of a stratum such as "PMQ 1:3"; zeros without a query."""
    active, _, inactive = (label.split(" ")[1:2] or ["0:0"])[0].partition(":")
    return int(active), int(inactive)


def condition_key(label: str) -> tuple[int, int, int, int, str]:
    """Sort key of labels: FMQ, PMQ, FUQ, then by active, inactive number and video, the right one first."""
    kind, _, rest = label.partition(" ")
    video = rest.partition(" ")[2].removesuffix(" video")
    place = _SHOWN.index(video) if video in _SHOWN else -1
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS), *condition_counts(label), place, kind


def with_condition_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `condition` replaced by the label of their stratum."""
    columns = ["condition", "n_active", "n_inactive", *([_VIDEO_COLUMN] if _VIDEO_COLUMN in rows else [])]
    parts = np.zeros(len(rows), np.int64)
    for name in columns:
        codes, values = pd.factorize(rows[name], use_na_sentinel=False)
        # Numbered anew each time: there are few strata, and products of all that might be would overflow.
        parts = pd.factorize(parts * len(values) + codes)[0]
    # Parts are numbered as they appear.
    first = np.flatnonzero(np.diff(np.maximum.accumulate(parts), prepend=-1))
    labels = [condition_label(*part) for part in rows[columns].iloc[first].itertuples(index=False)]
    names = sorted(set(labels))
    codes = np.array([names.index(label) for label in labels], np.int64)[parts]
    return rows.assign(condition=pd.Categorical.from_codes(codes, pd.Index(names, dtype=object)))


def own_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that an aggregate reads; sorting and grouping all tags takes far longer."""
    return rows[
        [name for name in (*_COLUMNS, _VIDEO_COLUMN, "base_metric", "pooling", SAMPLES, VALUES) if name in rows]
    ]


def aggregate(rows: pd.DataFrame, *, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> list[Aggregate]:
    """Aggregate every (system, dataset, stratum, metric), sorted by dataset, stratum and system.

    The draws depend on (seed, dataset, stratum, metric) and the clusters alone: neither on the order of the rows nor on
    which other systems are there.

    Args:
        rows: as `read_rows` gives them; several samples of a trial count as their mean, see `samples`.
        level: coverage of the interval, in (0, 1).
        resamples: number of bootstrap draws.
        seed: another seed, another interval.

    Raises:
        ConfigError: `level`, `resamples` or a column is wrong.
    """
    check_arguments(rows, level=level, resamples=resamples)
    ordered = coded(with_condition_labels(own_columns(one_per_trial(rows))), TEXTS)
    ordered = ordered.sort_values(["trial_id", "value"], kind="stable")
    cells = [
        cell
        for key, group in ordered.groupby(["dataset", "condition", "metric"], observed=True)
        for cell in _cells(group, tuple(key), level=level, resamples=resamples, seed=seed)
    ]
    return sorted(cells, key=lambda c: (c.dataset, condition_key(c.condition), c.system, c.metric))


def _cells(rows: pd.DataFrame, key: tuple[Any, ...], *, level: float, resamples: int, seed: int) -> list[Aggregate]:
    """The aggregates of all systems in one (dataset, stratum, metric)."""
    pooling = pooling_of(rows, key[2])
    groups = [(str(system), group) for system, group in rows.groupby("system", observed=True)]
    scored = [group[group["status"] == "ok"] for _, group in groups]
    sums = [_sums(pooling, group[pooling.counted(group)]) for _, group in groups]
    if pooling is LISTENERS:  # listeners are drawn too
        draws = [stratum_generator("listeners", (seed, *key)) for _ in scored]
        pairs = zip(scored, draws, strict=True)
        ends = [listener_interval(ok, level=level, resamples=resamples, rng=rng) for ok, rng in pairs]
    else:
        ends = intervals(sums, pooling, (seed, *key), level=level, resamples=resamples)
    return [
        _cell(system, key, group, ok=ok, mean=sums[i].mean(pooling), ends=ends[i], pooling=pooling)
        for i, ((system, group), ok) in enumerate(zip(groups, scored, strict=True))
    ]


def _cell(
    system: str,
    key: tuple[Any, ...],
    group: pd.DataFrame,
    *,
    ok: pd.DataFrame,
    mean: float,
    ends: tuple[float, float],
    pooling: Pooling,
) -> Aggregate:
    dataset, condition, metric = key
    n_samples, seed_sd = seed_spread(group[pooling.counted(group)], pooling)
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
        n_floored=int(ok["reason"].str.contains(FLOORED).sum()),
        mean=mean,
        trial_mean=float(ok["value"].mean()),
        median=float(ok["value"].median()),
        ci_low=ends[0],
        ci_high=ends[1],
        n_samples=n_samples,
        seed_sd=seed_sd,
    )


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """A cell's summands, summed over each of its clusters [K, D]."""

    sums: FloatArray

    def mean(self, pooling: Pooling) -> float:
        """The value of all clusters together."""
        return float(pooling.value(self.sums.sum(axis=0)))


def _sums(pooling: Pooling, rows: pd.DataFrame) -> ClusterSums:
    codes, names = pd.factorize(rows["cluster"], sort=True)
    summands = pooling.summands(rows, pooling.names(rows))
    return ClusterSums(cluster_sums(summands, codes, len(names)))


def intervals(
    cells: Sequence[ClusterSums], pooling: Pooling, names: tuple[str | int, ...], *, level: float, resamples: int
) -> list[tuple[float, float]]:
    """Bootstrap intervals; NaN with fewer than two clusters or any inf.

    Cells with as many clusters have the same draws, so one set of draws serves them all.

    Args:
        cells: of one (dataset, stratum, metric).
        pooling: how their sums become one number.
        names: what the draws depend on.
        level: coverage, in (0, 1).
        resamples: number of bootstrap draws.
    """
    ends = [(np.nan, np.nan)] * len(cells)
    alike: dict[int, list[int]] = {}
    for i, cell in enumerate(cells):
        if len(cell.sums) > 1 and np.isfinite(cell.sums).all():
            alike.setdefault(len(cell.sums), []).append(i)
    for n_clusters, members in alike.items():
        columns = [moments(cells[i].sums) if pooling is MEAN else cells[i].sums for i in members]
        rng = stratum_generator("bootstrap", names)
        drawn = resampled_sums(np.concatenate(columns, axis=1), resamples=resamples, rng=rng)
        if pooling is MEAN:
            found = studentised_intervals([cells[i].sums for i in members], drawn, level=level)
        else:
            widths = np.cumsum([column.shape[1] for column in columns])[:-1]
            parts = np.split(drawn, widths, axis=1)
            found = [_pooled_interval(own, pooling, n_clusters, level) for own in parts]
        for i, own_ends in zip(members, found, strict=True):
            ends[i] = own_ends
    return ends


def _pooled_interval(drawn: FloatArray, pooling: Pooling, n_clusters: int, level: float) -> tuple[float, float]:
    """Ends of one cell's interval from its draws."""
    low, high = expanded_intervals(pooling.value(drawn)[:, None], n_clusters=n_clusters, level=level)[:, 0]
    return float(low), float(high)


def check_arguments(rows: pd.DataFrame, *, level: float, resamples: int) -> None:
    """Check what `aggregate` is given.

    Raises:
        ConfigError: `level`, `resamples` or a column is wrong.
    """
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level = {level} must lie between 0 and 1; 0.95 is usual")
    if not 1 <= resamples <= MOST_RESAMPLES:
        raise ConfigError(f"resamples = {resamples} must be from 1 to {MOST_RESAMPLES}; 1000 is usual")
    missing = [name for name in _COLUMNS if name not in rows.columns]
    if missing:
        raise ConfigError(f"the rows have no columns {missing}; read them with read_rows")
