"""Answers of a run, and those that failed: one rule for the exit code, run.json and MLflow.

An answer belongs to a trial; a system that draws samples has several to each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ..metrics.protocol import MetricInfo
from ..score_row import SAMPLE
from .system_facts import SystemFacts

OF_TRIAL_SETS = ["system", "dataset", "trial_id", SAMPLE, "metric", "status", "reason"]
"""Columns of rows that trials are counted by."""

TrialKey = tuple[str, str, int]
"""Dataset, id of a trial, and number of the sample."""


@dataclass(frozen=True, slots=True)
class TrialSets:
    """Trials of one system, each sample by itself.

    Attributes:
        seen: all that have rows.
        valued: those with a value of at least one metric.
        faulty: those with a value that failed, unless the system's card promises that.
    """

    seen: frozenset[TrialKey] = frozenset()
    valued: frozenset[TrialKey] = frozenset()
    faulty: frozenset[TrialKey] = frozenset()

    @property
    def lost(self) -> frozenset[TrialKey]:
        """Trials of which no metric has a value, and at least one failed."""
        return self.faulty - self.valued

    @property
    def failed(self) -> int:
        """Number of these trials."""
        return len(self.lost)

    def __or__(self, other: TrialSets) -> TrialSets:
        return TrialSets(self.seen | other.seen, self.valued | other.valued, self.faulty | other.faulty)


def trials_by_system(
    rows: pd.DataFrame, systems: Mapping[str, SystemFacts], metrics: Mapping[str, MetricInfo]
) -> dict[str, TrialSets]:
    """Trials of each system that has rows.

    Args:
        metrics: facts of the metrics in the rows; values of the references, which every system has, do not count.
    """
    of_references = {info.reference_value for info in metrics.values()}
    rows = rows[~rows["metric"].isin(of_references)] if "metric" in rows else rows
    return {
        str(system): TrialSets(
            _keys(own), _keys(own[own["status"] == "ok"]), _keys(_unexpected(own, systems.get(str(system))))
        )
        for system, own in rows.groupby("system", observed=True)
    }


def _unexpected(rows: pd.DataFrame, facts: SystemFacts | None) -> pd.DataFrame:
    failed = rows[rows["status"] == "failed"]
    if facts is None:
        return failed
    promised = failed["reason"].map(lambda reason: facts.expects(str(reason))).astype(bool)
    return failed[~promised]


def _keys(rows: pd.DataFrame) -> frozenset[TrialKey]:
    samples = rows[SAMPLE].astype(int) if SAMPLE in rows else [0] * len(rows)
    return frozenset(zip(rows["dataset"].astype(str), rows["trial_id"].astype(str), samples, strict=True))
