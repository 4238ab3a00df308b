"""Issues of a leaderboard: missing, failed, undefined and flagged trials, grouped by reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from ...bench.run.record import RunFacts
from ...bench.statistics.aggregate import INAPPLICABLE, condition_key
from .board import Issue

_FIRST = 3  # trial ids named for each issue
_SEVERITY = {"missing": 0, "failed": 1, "undefined": 2, "ok": 3}


def find_issues(
    rows: pd.DataFrame, expected: Mapping[tuple[str, str], int], runs: Sequence[RunFacts] = ()
) -> tuple[Issue, ...]:
    """Missing, failed, undefined and flagged trials, the gravest first.

    Args:
        rows: merged, with the labels of the strata in `condition`.
        expected: number of trials by (dataset, condition label), where known.
        runs: for the systems that each dataset should have.
    """
    issues = [*_absent(rows, expected, runs), *_missing(rows, expected), *_reasons(rows)]
    return tuple(
        sorted(issues, key=lambda i: (_SEVERITY[i.status], i.dataset, condition_key(i.condition), i.system, i.reason))
    )


def _reasons(rows: pd.DataFrame) -> list[Issue]:
    """Rows that carry a reason or are not ok, less those that the metric does not apply to."""
    inapplicable = (rows["status"] == "undefined") & rows["reason"].isin(INAPPLICABLE)
    noted = (rows["status"] != "ok") | (rows["reason"] != "")
    keys = ["dataset", "condition", "system", "status", "reason"]
    return [_issue(key, group) for key, group in _groups(rows[noted & ~inapplicable], keys)]


def _absent(rows: pd.DataFrame, expected: Mapping[tuple[str, str], int], runs: Sequence[RunFacts]) -> list[Issue]:
    """Systems without any row on a dataset that they should have run on."""
    pairs = rows[["base_system", "dataset"]].drop_duplicates()
    seen = set(zip(pairs["base_system"], pairs["dataset"], strict=True))
    wanted = {(s, name) for run in runs for name, d in run.datasets.items() for s in d.systems}
    return [
        Issue(
            dataset=dataset,
            condition=condition,
            system=system,
            status="missing",
            reason="no row at all",
            metrics=(),
            n_trials=count,
            first_trials=(),
        )
        for system, name in sorted(wanted - seen)
        for (dataset, condition), count in expected.items()
        if dataset == name
    ]


def _missing(rows: pd.DataFrame, expected: Mapping[tuple[str, str], int]) -> list[Issue]:
    """Trials that a system or one of its metrics lacks, though another system has them.

    Trials without a row of any system can be counted, not named.
    """
    found: dict[tuple[str, str, str, tuple[str, ...], int], list[str]] = {}
    rows = rows[["dataset", "condition", "system", "metric", "trial_id"]]
    for (dataset, condition), part in _groups(rows, ["dataset", "condition"]):
        trials = set(part["trial_id"])
        unseen = max(0, expected.get((dataset, condition), 0) - len(trials))
        for (system, metric), own in _groups(part, ["system", "metric"]):
            complete = own["trial_id"].nunique() == len(trials)
            lacking = () if complete else tuple(sorted(trials - set(own["trial_id"])))
            if lacking or unseen:
                found.setdefault((dataset, condition, system, lacking, unseen), []).append(metric)
    return [
        Issue(
            dataset=dataset,
            condition=condition,
            system=system,
            status="missing",
            reason="no row",
            metrics=tuple(sorted(metrics)),
            n_trials=len(lacking) + unseen,
            first_trials=lacking[:_FIRST],
        )
        for (dataset, condition, system, lacking, unseen), metrics in found.items()
    ]


def _groups(rows: pd.DataFrame, keys: list[str]) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """`groupby` with keys that are known to be text."""
    for key, group in rows.groupby(keys):
        yield tuple(str(part) for part in key), group


def _issue(key: tuple[str, ...], rows: pd.DataFrame) -> Issue:
    dataset, condition, system, status, reason = key
    names = sorted(rows["trial_id"].unique())
    return Issue(
        dataset=dataset,
        condition=condition,
        system=system,
        status=status,
        reason=reason,
        metrics=tuple(sorted(rows["metric"].unique())),
        n_trials=len(names),
        first_trials=tuple(names[:_FIRST]),
    )
