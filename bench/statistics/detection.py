"""Detection of absent targets by a score of the output: shares of errors over thresholds, and the equal error rate.

A target counts as found where the score of the output, such as its level, is at or above a threshold. A false
extraction is one that is found although the target is absent (FUQ); a missed target one that is not although it is
there (FMQ). Both are compared on the queries of one size: FUQ 0:1 with FMQ 1:0. Intervals are bootstrap ones over
mixtures, of which all trials are drawn together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .aggregate import condition_key, own_columns, with_condition_labels
from .resampling import FloatArray, expanded_intervals, stratum_generator
from .samples import one_per_trial

SCORES = ("output_level", "verification_score")
"""Metrics of all trials, target or not, that are such scores."""
_BLOCK = 2**20  # numbers held in memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionTrials:
    """Scores of a system's trials with and without a target.

    Attributes:
        present: label of the stratum of the trials with a target, such as "FMQ 1:0".
        absent: the same of those without.
        scores: [N], of the trials that have one.
        is_present: [N], whether the target is in the mixture.
        clusters: [N], number of the mixture of each.
        n_failed: trials without a score because the system or the metric failed.
    """

    system: str
    dataset: str
    metric: str
    present: str
    absent: str
    scores: FloatArray
    is_present: NDArray[np.bool_]
    clusters: NDArray[np.int64]
    n_failed: int

    @property
    def n_present(self) -> int:
        """Scored trials with a target."""
        return int(self.is_present.sum())

    @property
    def n_absent(self) -> int:
        """Scored trials without a target."""
        return len(self.scores) - self.n_present


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualError:
    """The equal error rate of a detector.

    Attributes:
        rate: share, in %, of false extractions and of missed targets where both are equal, on the line between the two
            thresholds next to it; NaN without trials of both kinds.
        low: lower end of its interval; NaN with fewer than two mixtures.
        high: upper end.
        threshold: score where the two shares are nearest, in the middle of the two scores next to it.
    """

    rate: float
    low: float
    high: float
    threshold: float


def detection_trials(rows: pd.DataFrame, *, metrics: Sequence[str] = SCORES) -> list[DetectionTrials]:
    """Scores by system, dataset, metric and pair of strata, sorted; pairs that lack one of the two are left out.

    Args:
        rows: as `read_rows` gives them; several samples of a trial count as their mean.
        metrics: names of metrics whose rows are scores.
    """
    own = rows[rows["metric"].isin(metrics)]
    if own.empty:
        return []
    ordered = with_condition_labels(own_columns(one_per_trial(own))).sort_values("trial_id", kind="stable")
    found = [
        _trials(
            part[part["condition"].isin([present, absent])], (str(dataset), str(metric), str(system)), present, absent
        )
        for (dataset, metric, system), part in ordered.groupby(["dataset", "metric", "system"])
        for present, absent in _pairs([*map(str, part["condition"].unique())])
    ]
    return sorted(found, key=lambda each: (each.dataset, each.metric, condition_key(each.absent), each.system))


def equal_error(trials: DetectionTrials, *, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> EqualError:
    """The equal error rate of a system with its interval; the draws are those of all systems of its strata."""
    order = np.argsort(-trials.scores, kind="stable")
    scores, is_present = trials.scores[order], trials.is_present[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1) if len(scores) else np.zeros(0, np.int64)
    whole = np.ones((1, len(scores)))
    if not (trials.n_present and trials.n_absent):
        return EqualError(rate=math.nan, low=math.nan, high=math.nan, threshold=math.nan)
    rng = stratum_generator("detection", (seed, trials.dataset, trials.absent, trials.metric))
    drawn = [
        _equal_rates(weights, is_present, ends)
        for weights in _weights(trials.clusters[order], resamples=resamples, rng=rng)
    ]
    n_clusters = len(np.unique(trials.clusters))
    low, high = expanded_intervals(np.concatenate(drawn)[:, None], n_clusters=n_clusters, level=level)[:, 0]
    return EqualError(
        rate=float(_equal_rates(whole, is_present, ends)[0]),
        low=float(low),
        high=float(high),
        threshold=_threshold(scores, is_present, ends),
    )


def error_curve(
    trials: DetectionTrials, thresholds: FloatArray, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Shares of errors over thresholds, in %, with intervals at each.

    Returns:
        A line for each threshold with the columns `threshold`, `false_extractions`, `missed_targets`, and the ends of
        their intervals, `..._low` and `..._high`.
    """
    lines: dict[str, FloatArray] = {"threshold": np.asarray(thresholds, np.float64)}
    found = trials.scores[:, None] >= lines["threshold"]
    n_clusters = len(np.unique(trials.clusters))
    for name, kind, errors in (
        ("false_extractions", ~trials.is_present, found),
        ("missed_targets", trials.is_present, ~found),
    ):
        rng = stratum_generator("detection", (seed, trials.dataset, trials.absent, trials.metric))
        own, counted = 100.0 * (errors & kind[:, None]), kind.astype(np.float64)
        with np.errstate(invalid="ignore"):
            drawn = [
                (weights @ own) / (weights @ counted)[:, None]
                for weights in _weights(trials.clusters, resamples=resamples, rng=rng)
            ]
            lines[name] = own.sum(axis=0) / counted.sum()
        low, high = expanded_intervals(np.concatenate(drawn), n_clusters=n_clusters, level=level)
        lines |= {f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(lines)


def _pairs(conditions: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Labels of strata with a target and without whose queries name as many."""
    for absent in sorted(conditions, key=condition_key):
        present = f"FMQ {absent.rpartition(':')[2]}:0"
        if absent.startswith("FUQ ") and present in conditions:
            yield present, absent


def _trials(rows: pd.DataFrame, names: tuple[str, str, str], present: str, absent: str) -> DetectionTrials:
    scored = rows[rows["status"] == "ok"]
    return DetectionTrials(
        dataset=names[0],
        metric=names[1],
        system=names[2],
        present=present,
        absent=absent,
        scores=scored["value"].to_numpy(np.float64),
        is_present=(scored["condition"] == present).to_numpy(bool),
        clusters=np.unique(scored["cluster"].astype(str), return_inverse=True)[1].astype(np.int64),
        n_failed=int((rows["status"] == "failed").sum()),
    )


def _weights(clusters: NDArray[np.int64], *, resamples: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Blocks [R', N] of the times that each trial is drawn, if K of K clusters are drawn with replacement."""
    n_clusters = int(clusters.max(initial=-1)) + 1
    step = max(1, _BLOCK // max(1, len(clusters)))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = rng.integers(n_clusters, size=(size, n_clusters)) + n_clusters * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * n_clusters).reshape(size, n_clusters)
        yield times[:, clusters].astype(np.float64)


def _shares(
    weights: FloatArray, is_present: NDArray[np.bool_], ends: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """False extractions and missed targets [R, E + 1], where nothing is found, and down to each end of equal scores."""
    shares = []
    for kind in (~is_present, is_present):
        reached = np.cumsum(weights * kind, axis=1)
        with np.errstate(invalid="ignore"):
            shares.append(np.pad(reached[:, ends], ((0, 0), (1, 0))) / reached[:, -1:])
    return shares[0], 1.0 - shares[1]


def _equal_rates(weights: FloatArray, is_present: NDArray[np.bool_], ends: NDArray[np.int64]) -> FloatArray:
    """Equal error rates [R] in %; NaN for a draw without trials of both kinds."""
    false, missed = _shares(weights, is_present, ends)
    apart = false - missed  # rises from −1 to 1
    after = np.argmax(apart >= 0.0, axis=1)
    rows = np.arange(len(apart))
    before = apart[rows, after - 1]
    part = -before / (apart[rows, after] - before)
    return np.asarray(
        100.0 * (false[rows, after - 1] + part * (false[rows, after] - false[rows, after - 1])), np.float64
    )


def _threshold(scores: FloatArray, is_present: NDArray[np.bool_], ends: NDArray[np.int64]) -> float:
    false, missed = _shares(np.ones((1, len(scores))), is_present, ends)
    nearest = int(np.argmin(np.abs(false - missed)[0, 1:]))
    last = scores[ends[nearest]]
    following = scores[ends[nearest] + 1] if nearest + 1 < len(ends) else last
    return float(0.5 * (last + following))
