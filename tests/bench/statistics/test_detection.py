"""Detection of absent targets: closed forms, a second implementation, intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from tsebench.bench.statistics.detection import DetectionTrials, detection_trials, equal_error, error_curve


def _trials(present: Sequence[float], absent: Sequence[float]) -> DetectionTrials:
    """A mixture for each pair of trials."""
    clusters = [*range(len(present)), *range(len(absent))]
    return DetectionTrials(
        system="a",
        dataset="set",
        metric="output_level",
        present="FMQ 1:0",
        absent="FUQ 0:1",
        scores=np.array([*present, *absent], float),
        is_present=np.array([True] * len(present) + [False] * len(absent)),
        clusters=np.array(clusters),
        n_failed=0,
    )


@pytest.mark.parametrize(
    ("present", "absent", "rate", "threshold"),
    [
        ([-3, -4, -5], [-30, -40, -20], 0.0, -12.5),  # apart
        ([-30, -40], [-3, -4], 100.0, math.nan),  # the wrong way round
        ([-1, -3, -5, -7], [-2, -8, -9, -10], 25.0, -6.0),  # one of four on each side of −6
        ([-3.0] * 4, [-3.0] * 4, 50.0, -3.0),  # a system that gives the same output for both
        ([1, 3], [2], 50.0, math.nan),  # half way between (0, 1/2) and (1, 1/2) in false extractions and misses
    ],
)
def test_equal_error_rate_by_hand(present: list[float], absent: list[float], rate: float, threshold: float) -> None:
    found = equal_error(_trials(present, absent), resamples=20)
    assert found.rate == pytest.approx(rate)
    if not math.isnan(threshold):
        assert found.threshold == threshold


def test_equal_error_rate_against_a_search_over_thresholds() -> None:
    rng = np.random.default_rng(3)
    trials = _trials(rng.normal(1.0, 1.0, 400), rng.normal(-1.0, 1.0, 400))
    curve = error_curve(trials, np.linspace(-4.0, 4.0, 4001), resamples=2)
    at = int(np.argmin(np.abs(curve["false_extractions"] - curve["missed_targets"])))
    found = equal_error(trials, resamples=200)
    assert found.rate == pytest.approx(curve["false_extractions"][at], abs=0.26)  # a trial is 0.25 %
    assert found.threshold == pytest.approx(curve["threshold"][at], abs=0.05)
    assert found.low < 15.87 < found.high  # of two normals two deviations apart
    assert 3.0 < found.high - found.low < 8.0  # 2 · 1.96 · sqrt(0.16 · 0.84 / 800) = 5 %, both kinds counting


def test_curve_by_hand() -> None:
    trials = _trials([-3, -5, -7, -9], [-4, -30, -30, -30])
    curve = error_curve(trials, np.array([-40.0, -10.0, -6.0, 0.0]), resamples=100)
    assert curve["false_extractions"].tolist() == [100.0, 25.0, 25.0, 0.0]
    assert curve["missed_targets"].tolist() == [0.0, 0.0, 50.0, 100.0]
    assert (curve["false_extractions_low"] <= curve["false_extractions"]).all()
    assert (curve["false_extractions_high"] >= curve["false_extractions"]).all()
    assert curve["false_extractions_high"][1] > 25.0


def test_one_mixture_has_no_interval_and_one_kind_no_rate() -> None:
    single = _trials([-3], [-30])
    assert math.isnan(equal_error(single).low)
    assert equal_error(single).rate == 0.0
    assert math.isnan(equal_error(_trials([-3, -4], [])).rate)


def _rows(conditions: dict[str, list[float]], *, failed: int = 0) -> pd.DataFrame:
    lines = []
    for label, values in conditions.items():
        kind, _, numbers = label.partition(" ")
        active, inactive = map(int, numbers.split(":"))
        for place, value in enumerate(values):
            lines.append(
                {
                    "system": "a",
                    "dataset": "set",
                    "trial_id": f"m{place}_{label}",
                    "condition": kind,
                    "n_active": active,
                    "n_inactive": inactive,
                    "cluster": f"m{place}",
                    "metric": "output_level",
                    "value": value,
                    "status": "failed" if place < failed else "ok",
                    "reason": "",
                    "weight": 1.0,
                    "detail": "",
                }
            )
    return pd.DataFrame(lines)


def test_strata_are_paired_by_the_size_of_their_queries() -> None:
    rows = _rows({"FMQ 1:0": [-3, -4, -5], "PMQ 1:1": [-3, -3, -3], "FUQ 0:1": [-30, -40, -50], "FUQ 0:3": [0, 0, 0]})
    (found,) = detection_trials(rows)
    assert (found.present, found.absent) == ("FMQ 1:0", "FUQ 0:1")
    assert (found.n_present, found.n_absent, found.n_failed) == (3, 3, 0)
    assert sorted(found.scores[found.is_present]) == [-5, -4, -3]
    assert detection_trials(_rows({"FMQ 1:0": [-3.0]})) == []


def test_failed_trials_are_counted() -> None:
    (found,) = detection_trials(_rows({"FMQ 1:0": [-3, -4, -5], "FUQ 0:1": [-30, -40, -50]}, failed=1))
    assert (found.n_present, found.n_absent, found.n_failed) == (2, 2, 2)


def test_mixtures_are_drawn_whole() -> None:
    """Trials of one mixture that go wrong together make the interval wider than as many mixtures would."""
    scores = [-3.0] * 12 + [-30.0] * 4, [-30.0] * 12 + [-3.0] * 4
    apart = _trials(*scores)
    together = DetectionTrials(
        **{
            **{name: getattr(apart, name) for name in apart.__slots__},
            "clusters": np.array([*range(16), *range(16)]) // 4,
        }
    )
    widths = [found.high - found.low for found in (equal_error(each, resamples=500) for each in (apart, together))]
    assert widths[1] > 1.3 * widths[0]
