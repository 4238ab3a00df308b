"""Trials and failed trials of a system: over shards, with what a baseline's card promises left out."""

from __future__ import annotations

from functools import reduce
from operator import or_

import pandas as pd

from tsebench.bench.metrics.protocol import MetricInfo
from tsebench.bench.outcome import SILENT_ESTIMATE
from tsebench.bench.run.system_facts import SystemFacts
from tsebench.bench.run.trial_counts import trials_by_system

SYSTEMS = {"silence": SystemFacts(family="baseline"), "net": SystemFacts(family="discriminative")}
METRICS = {"wer": MetricInfo(name="wer", reference_value="wer_of_reference")}
SILENT = f"pesq_{SILENT_ESTIMATE}"


def rows_of(*lines: tuple[str, str, str, str]) -> pd.DataFrame:
    rows = pd.DataFrame(lines, columns=["system", "trial_id", "status", "reason"])
    return rows.assign(dataset="d")


def test_a_trial_fails_if_no_metric_has_a_value() -> None:
    rows = rows_of(
        ("net", "a", "ok", ""), ("net", "a", "failed", "x"), ("net", "b", "failed", "x"), ("net", "c", "undefined", "x")
    )
    (found,) = trials_by_system(rows, SYSTEMS, METRICS).values()
    assert (len(found.seen), found.failed) == (3, 1)


def test_what_a_card_promises_is_no_failure() -> None:
    rows = rows_of(("silence", "a", "failed", SILENT), ("net", "a", "failed", SILENT), ("silence", "b", "failed", "x"))
    found = trials_by_system(rows, SYSTEMS, METRICS)
    assert {system: each.failed for system, each in found.items()} == {"silence": 1, "net": 1}
    assert trials_by_system(rows_of(("own", "a", "failed", SILENT)), SYSTEMS, METRICS)["own"].failed == 1


def test_a_trial_in_several_shards_counts_once() -> None:
    """As the mixtures of scored folders, which have a shard for each signature."""
    shards = [rows_of(("net", "a", "failed", "x"), ("net", "b", "ok", "")), rows_of(("net", "a", "ok", ""))]
    found = reduce(or_, (trials_by_system(rows, SYSTEMS, METRICS)["net"] for rows in shards))
    assert (len(found.seen), found.failed) == (2, 0)


def test_a_value_of_the_reference_is_none_of_the_answer() -> None:
    """A word error rate that failed has the recogniser's rate on the reference next to it."""
    rows = rows_of(("net", "a", "failed", "x"), ("net", "a", "ok", "")).assign(metric=["wer", "wer_of_reference"])
    assert trials_by_system(rows, SYSTEMS, METRICS)["net"].failed == 1
