"""Issues of a leaderboard: missing, failed, undefined and flagged trials, grouped by reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from ...bench.run.record import RunFacts
from ...bench.statistics.aggregate import INAPPLICABLE, condition_key
from ...bench.text_columns import coded, distinct
from .board import Issue

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_FIRST = 3  # trial ids named for each issue
_PLACE = ("dataset", "condition", "system")
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


def _issue(
    place: tuple[str, ...],
    status: str,
    reason: str,
    *,
    metrics: Iterable[str] = (),
    trials: Sequence[str] = (),
    unnamed: int = 0,
) -> Issue:
    """The issue of a (dataset, condition, system); `unnamed` trials are counted only."""
    dataset, condition, system = place
    return Issue(
        dataset=dataset,
        condition=condition,
        system=system,
        status=status,
        reason=reason,
        metrics=tuple(sorted(metrics)),
        n_trials=len(trials) + unnamed,
        first_trials=tuple(trials[:_FIRST]),
    )


def _reasons(rows: pd.DataFrame) -> Iterator[Issue]:
    """Rows that carry a reason or are not ok, less those that the metric does not apply to.

    Reasons that differ in numbers alone, such as lengths, are one issue, which shows those of its first trial.
    """
    inapplicable = (rows["status"] == "undefined") & rows["reason"].isin(INAPPLICABLE)
    noted = (rows["status"] != "ok") | (rows["reason"] != "")
    found = rows[noted & ~inapplicable]
    texts = {reason: _NUMBER.sub("#", str(reason)) for reason in found["reason"].unique()}
    for (*place, status, _), group in _groups(
        found.assign(kind=found["reason"].map(texts)), [*_PLACE, "status", "kind"]
    ):
        ordered = group.sort_values("trial_id", kind="stable")
        trials, reasons = list(ordered["trial_id"].unique()), ordered["reason"].unique()
        more = f" (and {len(reasons) - 1} more with other numbers)" if len(reasons) > 1 else ""
        yield _issue(tuple(place), status, f"{reasons[0]}{more}", metrics=group["metric"].unique(), trials=trials)


def _absent(rows: pd.DataFrame, expected: Mapping[tuple[str, str], int], runs: Sequence[RunFacts]) -> Iterator[Issue]:
    """Systems without any row on a dataset that they should have run on."""
    pairs = distinct(rows, ["base_system", "dataset"])
    seen = set(zip(pairs["base_system"], pairs["dataset"], strict=True))
    wanted = {(s, name) for run in runs for name, d in run.datasets.items() for s in d.systems}
    for system, name in sorted(wanted - seen):
        for (dataset, condition), count in expected.items():
            if dataset == name:
                yield _issue((dataset, condition, system), "missing", "no row at all", unnamed=count)


def _missing(rows: pd.DataFrame, expected: Mapping[tuple[str, str], int]) -> Iterator[Issue]:
    """Trials that a system or one of its metrics lacks, though another system has them.

    Trials without a row of any system can be counted, not named.
    """
    found: dict[tuple[tuple[str, ...], tuple[str, ...], int], list[str]] = {}
    names = [*_PLACE, "metric", "trial_id"]
    rows = coded(rows[names], names)
    for (dataset, condition), part in _groups(rows, ["dataset", "condition"]):
        trials = set(part["trial_id"].unique())
        unseen = max(0, expected.get((dataset, condition), 0) - len(trials))
        for (system, metric), own in _groups(part, ["system", "metric"]):
            complete = own["trial_id"].nunique() == len(trials)
            lacking = () if complete else tuple(sorted(trials - set(own["trial_id"])))
            if lacking or unseen:
                found.setdefault(((dataset, condition, system), lacking, unseen), []).append(metric)
    for (place, lacking, unseen), metrics in found.items():
        yield _issue(place, "missing", "no row", metrics=metrics, trials=lacking, unnamed=unseen)


def _groups(rows: pd.DataFrame, keys: list[str]) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """`groupby` with keys that are known to be text."""
    for key, group in rows.groupby(keys, observed=True):
        yield tuple(str(part) for part in key), group
