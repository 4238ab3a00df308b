"""Means and intervals against closed forms and a simulation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from tsebench.bench.statistics.aggregate import Aggregate, aggregate, condition_counts, condition_key
from tsebench.core.errors import ConfigError


def frame(values: list[float], **columns: object) -> pd.DataFrame:
    """Rows of one system in one stratum; a NaN is a failed row unless `status` is given."""
    defaults: dict[str, object] = {
        "system": "net",
        "dataset": "mini",
        "trial_id": [f"t{i:04d}" for i in range(len(values))],
        "condition": "FMQ",
        "n_active": 1,
        "n_inactive": 0,
        "cluster": [f"m{i:04d}" for i in range(len(values))],
        "metric": "snri",
        "value": values,
        "status": ["failed" if math.isnan(value) else "ok" for value in values],
        "reason": "",
        "weight": 1.0,
        "detail": "",
    }
    return pd.DataFrame({**defaults, **columns})


def one(rows: pd.DataFrame, **options: float) -> Aggregate:
    (cell,) = aggregate(rows, **options)  # type: ignore[arg-type]
    return cell


def test_mean_median_and_counts() -> None:
    rows = frame([1.0, 2.0, 6.0, math.nan, math.nan, math.nan])
    rows["status"] = ["ok", "ok", "ok", "failed", "undefined", "undefined"]
    rows["reason"] = ["", "floored", "trimmed;mixture:floored", "length", "short", "absent_target"]
    cell = one(rows)
    assert (cell.n, cell.n_failed, cell.n_undefined, cell.n_inapplicable) == (3, 1, 1, 1)
    assert cell.n_floored == 1
    assert (cell.mean, cell.median) == (3.0, 2.0)
    assert cell.ci_low < 3.0 < cell.ci_high


def test_constant_values_have_a_point_interval() -> None:
    cell = one(frame([2.5] * 7))
    assert cell.mean == pytest.approx(2.5, abs=1e-12)
    assert (cell.ci_low, cell.ci_high) == pytest.approx((2.5, 2.5), abs=1e-12)


def test_one_cluster_has_a_mean_and_no_interval() -> None:
    for rows in (frame([4.0]), frame([3.0, 5.0], cluster="m")):
        cell = one(rows)
        assert cell.mean == 4.0
        assert math.isnan(cell.ci_low)
        assert math.isnan(cell.ci_high)


def test_the_mean_of_nothing_is_nan() -> None:
    cell = one(frame([math.nan, math.nan]))
    assert (cell.n, cell.n_failed, cell.applies) == (0, 2, True)
    assert all(math.isnan(v) for v in (cell.mean, cell.median, cell.ci_low, cell.ci_high))


def test_an_infinite_value_gives_an_infinite_mean_without_an_interval() -> None:
    cell = one(frame([1.0, math.inf, 2.0]))
    assert cell.mean == math.inf
    assert math.isnan(cell.ci_low)


@pytest.mark.parametrize("reason", ["absent_target", "present_target"])
def test_a_metric_that_applies_to_no_trial(reason: str) -> None:
    rows = frame([math.nan] * 3, status="undefined", reason=reason)
    assert not one(rows).applies
    rows.loc[0, "reason"] = "silent_reference"
    assert one(rows).applies


def test_two_clusters_have_the_interval_of_the_binomial() -> None:
    """With values 0 and 1 a resample's mean is 0, 1/2 or 1 with probability 1/4, 1/2, 1/4."""
    cell = one(frame([0.0, 1.0]), resamples=4000, level=0.2)
    assert (cell.ci_low, cell.ci_high) == (0.5, 0.5)  # tails of 0.4, expanded to 0.32 > 1/4
    cell = one(frame([0.0, 1.0]), resamples=4000, level=0.6)
    assert (cell.ci_low, cell.ci_high) == (0.0, 1.0)  # tails of 0.2, expanded to 0.03 < 1/4


def test_unequal_clusters_weigh_by_their_trials() -> None:
    """The mean is over trials: a cluster of three counts three times, in every resample too."""
    rows = frame([0.0, 0.0, 0.0, 4.0], cluster=["a", "a", "a", "b"])
    cell = one(rows, level=0.2, resamples=4000)
    assert cell.mean == 1.0
    assert (cell.ci_low, cell.ci_high) == (1.0, 1.0)  # a resample (a, b): 4 over 4 trials


def test_strata_are_never_pooled() -> None:
    parts = [
        frame([1.0, 1.0], condition="FMQ", n_inactive=0),
        frame([2.0, 2.0], condition="PMQ", n_inactive=1),
        frame([3.0, 3.0], condition="PMQ", n_inactive=3),
        frame([4.0, 4.0], condition="PMQ", n_inactive=10),
        frame([5.0, 5.0], condition="FUQ", n_active=0, n_inactive=1),
    ]
    cells = aggregate(pd.concat(reversed(parts)))
    labels = ["FMQ 1:0", "PMQ 1:1", "PMQ 1:3", "PMQ 1:10", "FUQ 0:1"]
    assert [cell.condition for cell in cells] == labels
    assert [cell.mean for cell in cells] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert sorted(labels, key=condition_key) == labels


def test_neither_order_nor_other_systems_matter() -> None:
    rng = np.random.default_rng(5)
    rows = frame(list(rng.normal(size=60)), cluster=[f"m{i // 3}" for i in range(60)])
    names = [f"m{i // 3}" for i in range(60)]
    other = frame(list(rng.normal(size=60)), system="aaa", cluster=names)
    shuffled = pd.concat([other, rows.sample(frac=1.0, random_state=1)])
    assert one(rows) == aggregate(shuffled)[1]
    assert one(rows) != one(rows, seed=1)
    assert one(rows).mean == one(rows, seed=1).mean


def coverage(*, clustered: bool) -> float:
    """Share of intervals that hold the true mean 0, over seeded draws of 40 clusters of 5.

    Half of the variance lies between clusters, so the variance of the mean is
    (1/2)/40 + (1/2)/200, three times the 1/200 of independent trials.
    """
    rng, draws = np.random.default_rng(20), 400
    shared = rng.normal(scale=math.sqrt(0.5), size=(draws, 40, 1))
    values = (shared + rng.normal(scale=math.sqrt(0.5), size=(draws, 40, 5))).reshape(draws, 200)
    names = [f"m{i // 5 if clustered else i}" for i in range(200)]
    rows = [frame(list(v), cluster=names, dataset=f"d{i}") for i, v in enumerate(values)]
    cells = aggregate(pd.concat(rows), resamples=300)
    assert len(cells) == draws
    return sum(cell.ci_low <= 0.0 <= cell.ci_high for cell in cells) / draws


@pytest.mark.long
def test_coverage_needs_the_clusters() -> None:
    assert 0.91 <= coverage(clustered=True) <= 0.98
    assert coverage(clustered=False) < 0.85


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match=r"level = 95 must lie between 0 and 1"):
        aggregate(frame([1.0]), level=95)
    with pytest.raises(ConfigError, match="resamples = 0"):
        aggregate(frame([1.0]), resamples=0)
    with pytest.raises(ConfigError, match=r"no columns \['cluster'\]"):
        aggregate(frame([1.0]).drop(columns="cluster"))


def test_videos_are_strata() -> None:
    """Right and wrong videos of one mixture never make one mean; a user's own tag of that name is no stratum."""
    shown = {"late": 1.0, "right": 5.0, "wrong": -3.0, "clip17": 7.0}
    lines = [
        {
            "run_id": "r",
            "system": "s",
            "dataset": "d",
            "trial_id": f"m{n}_{video}",
            "mixture_id": f"m{n}",
            "condition": "FMQ",
            "n_active": 1,
            "n_inactive": 0,
            "cluster": f"m{n}",
            "metric": "m",
            "signature": "m|1",
            "value": value + 0.1 * n,
            "status": "ok",
            "reason": "",
            "weight": 1.0,
            "detail": "",
            "tag_video": video,
        }
        for video, value in shown.items()
        for n in range(4)
    ]
    plain = [{**line, "dataset": "e", "tag_video": None} for line in lines[:4]]
    cells = aggregate(pd.DataFrame(lines + plain), resamples=10)
    found = [(cell.dataset, cell.condition, round(cell.mean, 6)) for cell in cells]
    assert found == [
        ("d", "FMQ 1:0", 7.15),
        ("d", "FMQ 1:0 right video", 5.15),
        ("d", "FMQ 1:0 wrong video", -2.85),
        ("d", "FMQ 1:0 late video", 1.15),
        ("e", "FMQ 1:0", 1.15),
    ]
    assert condition_counts("FMQ 1:0 late video") == (1, 0)
    assert condition_counts("PMQ 1:3") == (1, 3)
    assert condition_counts("") == (0, 0)
