"""Decisions at every threshold against scikit-learn, a slow loop over thresholds, and by hand."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from tsebench.bench.metrics.protocol import Facts
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.bench.statistics.aggregate import aggregate
from tsebench.bench.statistics.class_thresholds import GRID, average_precision, threshold_sweep
from tsebench.bench.statistics.pooling import CLASS_SCORES, decisions
from tsebench.core.errors import ConfigError

CLASSES = ("bell", "cough", "dog", "rain", "siren")
Probabilities = NDArray[np.float64]
Truth = NDArray[np.bool_]


def draw(n: int, *, seed: int, levels: int | None = None) -> tuple[Probabilities, Truth]:
    """Probabilities [N, K] and truth; "siren" is never there, "rain" is never likely."""
    rng = np.random.default_rng(seed)
    there = rng.random((n, len(CLASSES))) < [0.5, 0.1, 0.3, 0.2, 0.0]
    probabilities = np.clip(0.5 * rng.random(there.shape) + 0.4 * rng.random() * there, 0.0, 1.0)
    probabilities[:, 3] *= 0.2
    if levels:
        return np.round(probabilities * levels) / levels, there
    return np.round(probabilities, 6), there


def frame(probabilities: Probabilities, there: Truth, *, threshold: float = 0.5, **columns: object) -> pd.DataFrame:
    """Rows of `macro_f1`: the status and value of a row play no part in a sweep."""
    details = [
        decisions(CLASSES, list(p), [c for c, is_there in zip(CLASSES, t, strict=True) if is_there],
                  threshold)
        for p, t in zip(probabilities, there, strict=True)
    ]  # fmt: skip
    defaults: dict[str, object] = {
        "system": "net",
        "dataset": "mini",
        "trial_id": [f"t{i:04d}" for i in range(len(details))],
        "condition": "FMQ",
        "n_active": 1,
        "n_inactive": 0,
        "cluster": [f"m{i:04d}" for i in range(len(details))],
        "metric": "macro_f1",
        "value": 0.5,
        "status": "ok",
        "reason": "",
        "weight": 1.0,
        "detail": details,
    }
    return pd.DataFrame({**defaults, **columns})


def by_sklearn(probabilities: Probabilities, there: Truth, threshold: float) -> dict[str, float]:
    """All six values by scikit-learn; a class without a value does not count in a macro mean."""
    found: dict[str, float] = {}
    for average in ("macro", "micro"):
        values = precision_recall_fscore_support(
            there, probabilities >= threshold, average=average, zero_division=np.nan
        )
        names = (f"{average}_{name}" for name in ("precision", "recall", "f1"))
        found |= dict(zip(names, map(float, values[:3]), strict=True))
    return found


@pytest.mark.parametrize(("n", "levels"), [(60, None), (200, 20), (1, None), (2, 4)])
def test_every_threshold_is_scikit_learns(n: int, levels: int | None) -> None:
    probabilities, there = draw(n, seed=n, levels=levels)
    ties = sorted(set(probabilities.ravel()))[:: max(1, probabilities.size // 40)]
    thresholds = sorted({0.0, 0.05, 0.25, 0.5, 0.75, 1.0, *ties})
    swept = threshold_sweep(frame(probabilities, there), thresholds=thresholds)
    assert list(swept["threshold"]) == thresholds
    assert set(swept["n"]) == {n}
    for line in swept.to_dict("records"):
        expected = by_sklearn(probabilities, there, line["threshold"])
        assert {name: line[name] for name in CLASS_SCORES} == pytest.approx(expected, abs=1e-12, nan_ok=True), line[
            "threshold"
        ]


def test_by_hand() -> None:
    """Two trials: a dog at 0.8, and nothing at all where a dog is found at 0.6."""
    probabilities = np.zeros((2, 5))
    probabilities[:, 2] = [0.8, 0.6]
    there = np.zeros((2, 5), np.bool_)
    there[0, 2] = True
    swept = threshold_sweep(frame(probabilities, there), thresholds=[0.5, 0.7, 0.9])
    assert list(swept["macro_precision"])[:2] == [0.5, 1.0]
    assert math.isnan(swept["macro_precision"].iloc[2])  # nothing is found
    assert list(swept["macro_recall"]) == [1.0, 1.0, 0.0]
    assert list(swept["macro_f1"]) == pytest.approx([2 / 3, 1.0, 0.0])
    assert list(swept["micro_f1"]) == pytest.approx([2 / 3, 1.0, 0.0])
    found = average_precision(frame(probabilities, there)).set_index("class")
    assert found.loc["dog", "average_precision"] == 1.0
    assert (found.loc["dog", "n"], found.loc["dog", "n_there"]) == (2, 1)
    assert found["average_precision"].drop("dog").isna().all()


def test_average_precision_is_scikit_learns() -> None:
    for levels in (None, 10):
        probabilities, there = draw(150, seed=4, levels=levels)
        found = average_precision(frame(probabilities, there)).set_index("class")
        assert list(found.index) == list(CLASSES)
        for k, name in enumerate(CLASSES[:4]):
            expected = average_precision_score(there[:, k], probabilities[:, k])
            assert found.loc[name, "average_precision"] == pytest.approx(expected, abs=1e-12)
            assert found.loc[name, "n_there"] == there[:, k].sum()
        assert math.isnan(found.loc["siren", "average_precision"])
        expected = average_precision_score(there[:, :4], probabilities[:, :4], average="macro")
        assert found["average_precision"].mean() == pytest.approx(expected, abs=1e-12)


def test_at_its_own_threshold_a_sweep_is_the_aggregate_of_the_rows() -> None:
    probabilities, there = draw(80, seed=5)
    for name in CLASS_SCORES:
        rows = frame(probabilities, there, threshold=0.3, metric=name)
        (cell,) = aggregate(rows, resamples=1)
        swept = threshold_sweep(rows, thresholds=[0.3])
        assert swept[name].iloc[0] == pytest.approx(cell.mean, abs=1e-12)


def test_systems_datasets_and_conditions_are_swept_apart_and_sorted() -> None:
    parts = [(name, condition) for name in "ba" for condition in (("PMQ", 10), ("PMQ", 2))]
    rows = [
        frame(*draw(30, seed=seed), system=name, condition=kind, n_inactive=inactive)
        for seed, (name, (kind, inactive)) in enumerate(parts)
    ]
    rows.append(frame(*draw(10, seed=9), dataset="large"))
    swept = threshold_sweep(pd.concat(rows).sample(frac=1.0, random_state=0))
    places = swept[["dataset", "condition", "system"]].drop_duplicates()
    assert [tuple(place) for place in places.itertuples(index=False)] == [
        ("large", "FMQ 1:0", "net"),
        ("mini", "PMQ 1:2", "a"),
        ("mini", "PMQ 1:2", "b"),
        ("mini", "PMQ 1:10", "a"),
        ("mini", "PMQ 1:10", "b"),
    ]
    alone = threshold_sweep(rows[0])
    chosen = (swept["system"] == "b") & (swept["condition"] == "PMQ 1:10")
    pd.testing.assert_frame_equal(swept[chosen].reset_index(drop=True), alone)
    assert tuple(alone["threshold"]) == GRID
    assert {0.07, 0.29, 0.57} <= set(GRID)  # as one writes them


def test_neither_the_order_nor_repeated_thresholds_matter() -> None:
    rows = frame(*draw(40, seed=6, levels=10))
    swept = threshold_sweep(rows, thresholds=[0.5, 0.1, 0.5])
    shuffled = rows.sample(frac=1.0, random_state=3)
    pd.testing.assert_frame_equal(swept, threshold_sweep(shuffled, thresholds=[0.1, 0.5]))


def test_systems_with_other_classes_in_some_trials() -> None:
    """A class that a trial does not decide on adds nothing there, as in `pooling`."""
    probabilities, there = draw(40, seed=7)
    rows = frame(probabilities, there)
    detail = json.loads(rows.loc[0, "detail"])
    del detail["probabilities"]["bell"]
    detail["active"] = [name for name in detail["active"] if name != "bell"]
    rows.loc[0, "detail"] = json.dumps(detail)
    swept = threshold_sweep(rows, thresholds=[0.5])
    pooling = CLASS_SCORES["macro_f1"]
    sums = pooling.summands(rows, pooling.names(rows)).sum(axis=0)
    assert swept["macro_f1"].iloc[0] == pytest.approx(float(pooling.value(sums)), abs=1e-12)
    assert dict(average_precision(rows).set_index("class")["n"])["bell"] == 39


def test_probabilities_that_are_no_numbers_reach_no_threshold() -> None:
    probabilities, there = np.full((2, 5), np.nan), np.ones((2, 5), np.bool_)
    probabilities[0] = 0.0
    swept = threshold_sweep(frame(probabilities, there), thresholds=[0.0, 0.5])
    assert list(swept["micro_recall"]) == [0.5, 0.0]
    assert average_precision(frame(probabilities, there))["average_precision"].min() == 1.0


def test_failed_trials_are_left_out_and_nothing_gives_nothing() -> None:
    rows = frame(*draw(20, seed=8))
    lost = rows["trial_id"] < "t0005"
    rows.loc[lost, ["status", "value", "detail"]] = ["failed", math.nan, ""]
    assert set(threshold_sweep(rows)["n"]) == {15}
    rows["detail"] = ""
    swept, precisions = threshold_sweep(rows), average_precision(rows)
    assert (len(swept), len(precisions)) == (0, 0)
    full = frame(*draw(3, seed=1))
    assert list(swept.columns) == list(threshold_sweep(full).columns)
    assert list(precisions.columns) == list(average_precision(full).columns)


def test_trials_without_a_score_of_their_own_keep_their_probabilities() -> None:
    """Nothing is there and nothing is found at 0.5; at 0.2 it is a false alarm, and must count."""
    signal = torch.randn(800, generator=torch.Generator().manual_seed(0))
    items = [
        Scorable(
            trial_id=trial,
            estimate=signal,
            reference=signal,
            mixture=signal,
            facts=Facts(
                classes=("bell", "dog"), class_probabilities=torch.tensor([probability, 0.0]), active_classes=active
            ),
        )
        for trial, probability, active in (("a", 0.9, ("bell",)), ("b", 0.3, ()))
    ]
    with FilePool(0) as pool:
        scorer = Scorer(plan_metrics(["macro_f1"]), sample_rate_hz=800, device="cpu", pool=pool)
        scores = scorer.submit(items).result()
    assert [(score.status, score.reason) for score in scores] == [("ok", ""), ("undefined", "no_class")]
    rows = pd.DataFrame(
        {
            "system": "net",
            "dataset": "mini",
            "trial_id": [score.trial_id for score in scores],
            "condition": "FMQ",
            "n_active": 1,
            "n_inactive": 0,
            "metric": "macro_f1",
            "detail": [score.detail for score in scores],
        }
    )
    swept = threshold_sweep(rows, thresholds=[0.2, 0.5])
    assert list(swept["n"]) == [2, 2]
    assert list(swept["micro_precision"]) == [0.5, 1.0]


def test_one_pass_is_quick() -> None:
    """5000 trials of 5 classes at 1001 thresholds: parsing is most of it, not the thresholds."""
    rows = frame(*draw(5000, seed=10))
    start = time.process_time()
    threshold_sweep(rows, thresholds=[0.5])
    once = time.process_time() - start
    threshold_sweep(rows, thresholds=np.linspace(0.0, 1.0, 1001))
    many = time.process_time() - start - once
    assert many < 3.0 * once + 0.5


def test_wrong_rows_and_thresholds() -> None:
    rows = frame(*draw(3, seed=0))
    with pytest.raises(ConfigError, match=r"threshold 50 lies outside 0 to 1"):
        threshold_sweep(rows, thresholds=[0.5, 50])
    with pytest.raises(ConfigError, match=r"threshold nan lies outside 0 to 1"):
        threshold_sweep(rows, thresholds=[math.nan])
    with pytest.raises(ConfigError, match=r"no threshold is given"):
        threshold_sweep(rows, thresholds=[])
    with pytest.raises(ConfigError, match=r"rows of the metrics \['macro_f1', 'micro_f1'\]"):
        threshold_sweep(pd.concat([rows, rows.assign(metric="micro_f1")]))
    with pytest.raises(ConfigError, match=r"rows of the metrics \['snr'\].*macro_f1"):
        average_precision(rows.assign(metric="snr"))
    with pytest.raises(ConfigError, match=r"'net' has several rows of 'macro_f1' for trial 't0000'"):
        threshold_sweep(pd.concat([rows, rows]))
    with pytest.raises(ConfigError, match=r"no columns \['detail'\]"):
        threshold_sweep(rows.drop(columns="detail"))
