"""Class activity at every threshold, from the probabilities that rows keep in their `detail`.

The threshold of a metric is a setting; how much a result depends on it is seen only at all of them. The probabilities
of a class are sorted once; above any threshold is the end of that list, and its truths are a cumulative count.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.errors import ConfigError
from ..score_row import SAMPLE
from .aggregate import condition_key, with_condition_labels
from .pooling import CLASS_SCORES, MEAN, decisions_of_samples, pooling_of
from .resampling import FloatArray

GRID = tuple(k / 100 for k in range(101))
"""Thresholds where none are given: 0, 0.01, ..., 1."""
_PLACE = ("system", "dataset", "condition", "n_active", "n_inactive", "trial_id")
_COLUMNS = (*_PLACE, "metric", "detail")


def threshold_sweep(rows: pd.DataFrame, *, thresholds: Sequence[float] | None = None) -> pd.DataFrame:
    """Precision, recall and F1 of the decisions at each threshold.

    Macro and micro values are those that `pooling` gives to all trials of a stratum together, so that at the threshold
    of the metric they are the pooled values of its rows. All trials with probabilities count, also those whose own
    score is undefined; several samples of a trial count each.

    Args:
        rows: of one class-activity metric, as `read_rows` gives them.
        thresholds: 0 to 1; a class whose probability reaches it is found. `GRID` if None.

    Returns:
        A line for each system, dataset, condition label and threshold, sorted by dataset, condition, system and
        threshold, with the columns `system`, `dataset`, `condition`, `threshold`, `n` (trials) and one for each of
        `CLASS_SCORES`; NaN where a value does not exist.

    Raises:
        ConfigError: a threshold or a column is wrong, the rows are of another metric or of several, or a system has two
            of them for a trial.
    """
    levels = np.unique(_checked(GRID if thresholds is None else thresholds))
    lines = [_swept(cell, levels) for cell in _cells(rows)]
    names = ["system", "dataset", "condition", "threshold", "n", *CLASS_SCORES]
    return pd.concat(lines, ignore_index=True) if lines else pd.DataFrame(columns=names)


def average_precision(rows: pd.DataFrame) -> pd.DataFrame:
    """Average precision of each class: Σ (R_n − R_(n−1)) P_n over its thresholds, descending.

    Args:
        rows: of one class-activity metric, as `read_rows` gives them.

    Returns:
        A line for each system, dataset, condition label and class, with the columns `system`, `dataset`, `condition`,
        `class`, `n` (trials), `n_there` (those with the class in the mixture) and `average_precision`, 0 to 1; NaN for
        a class that is never there. Their mean, which leaves these out, is the macro average (mAP).

    Raises:
        ConfigError: as for `threshold_sweep`.
    """
    names = ["system", "dataset", "condition", "class", "n", "n_there", "average_precision"]
    lines = [
        (
            *(cell.system, cell.dataset, cell.condition, name, len(ranked.probabilities)),
            *(int(ranked.truths[0]), ranked.average_precision()),
        )
        for cell in _cells(rows)
        for name, ranked in cell.classes.items()
    ]
    return pd.DataFrame(lines, columns=names)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Decisions ranked by their probabilities, such as all on one class.

    Attributes:
        probabilities: [N], ascending.
        truths: [N + 1], how many are true from each place on.
    """

    probabilities: FloatArray
    truths: FloatArray

    @classmethod
    def of(cls, decisions: Sequence[tuple[float, bool]]) -> Ranked:
        """Rank pairs of a probability and its truth."""
        probabilities, there = np.asarray(decisions, np.float64).T
        # NaN reaches no threshold.
        probabilities = np.where(np.isnan(probabilities), -np.inf, probabilities)
        order = np.argsort(probabilities, kind="stable")
        truths = np.cumsum(there[order][::-1])[::-1]
        return cls(probabilities[order], np.append(truths, 0.0))

    def counts(self, thresholds: FloatArray) -> FloatArray:
        """[3, T]: hits, decisions and truths at each threshold."""
        places = np.searchsorted(self.probabilities, thresholds, side="left")
        there = np.full(len(thresholds), self.truths[0])
        return np.stack([self.truths[places], len(self.probabilities) - places, there])

    def average_precision(self) -> float:
        """Sum of precision times gain in recall over all thresholds; NaN if nothing is true."""
        hits, found, there = self.counts(np.unique(self.probabilities)[::-1])
        if not there[0]:
            return float("nan")
        return float(np.sum(np.diff(hits, prepend=0.0) / there * (hits / found)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _SystemDecisions:
    """Decisions of one system in one stratum; classes are sorted by name."""

    system: str
    dataset: str
    condition: str
    n: int
    classes: dict[str, Ranked]


def _swept(cell: _SystemDecisions, thresholds: FloatArray) -> pd.DataFrame:
    counts = np.stack([ranked.counts(thresholds) for ranked in cell.classes.values()])
    sums = counts.transpose(2, 1, 0).reshape(len(thresholds), -1)  # [T, 3 K], as pooling has them
    return pd.DataFrame(
        {
            "system": cell.system,
            "dataset": cell.dataset,
            "condition": cell.condition,
            "threshold": thresholds,
            "n": cell.n,
            **{str(name): pooling.value(sums) for name, pooling in CLASS_SCORES.items()},
        }
    )


def _cells(rows: pd.DataFrame) -> Iterator[_SystemDecisions]:
    """Decisions by dataset, condition and system, sorted."""
    _check_rows(rows)
    rows = with_condition_labels(rows[rows["detail"] != ""])
    groups = {
        (str(dataset), str(condition), str(system)): group["detail"]
        for (dataset, condition, system), group in rows.groupby(["dataset", "condition", "system"])
    }
    for key in sorted(groups, key=lambda k: (k[0], condition_key(k[1]), k[2])):
        dataset, condition, system = key
        classes = _ranked(groups[key])
        if classes:
            yield _SystemDecisions(
                system=system, dataset=dataset, condition=condition, n=len(groups[key]), classes=classes
            )


def _ranked(details: pd.Series[str]) -> dict[str, Ranked]:
    """The decisions on each class; `details` are as `pooling.decisions` writes them."""
    decisions: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)
    for text in (single for joined in details for single in decisions_of_samples(joined)):
        detail = json.loads(text)
        active = set(detail["active"])
        for name, probability in detail["probabilities"].items():
            decisions[name].append((probability, name in active))
    return {name: Ranked.of(decisions[name]) for name in sorted(decisions)}


def _checked(thresholds: Sequence[float]) -> FloatArray:
    wrong = [value for value in thresholds if not 0.0 <= value <= 1.0]
    if wrong or not len(thresholds):
        what = f"threshold {wrong[0]} lies outside 0 to 1" if wrong else "no threshold is given"
        raise ConfigError(f"{what}; give at least one from 0 to 1, or None for 0, 0.01, ..., 1")
    return np.asarray(thresholds, np.float64)


def _check_rows(rows: pd.DataFrame) -> None:
    missing = [name for name in _COLUMNS if name not in rows.columns]
    if missing:
        raise ConfigError(f"the rows have no columns {missing}; read them with read_rows")
    metrics = sorted({str(name) for name in rows["metric"].unique()})
    if len(metrics) > 1 or any(pooling_of(rows, name) is MEAN for name in metrics):
        raise ConfigError(
            f"rows of the metrics {metrics} where those of one are needed; take one of "
            f"{', '.join(CLASS_SCORES)}: all of them hold the same probabilities"
        )
    twice = rows[rows.duplicated([*_PLACE, *([SAMPLE] if SAMPLE in rows else [])])]
    if len(twice):
        system, trial = twice.iloc[0][["system", "trial_id"]]
        raise ConfigError(
            f"system {system!r} has several rows of {metrics[0]!r} for trial {trial!r}; "
            "take the rows of one run, or give each run's system a name of its own"
        )
