"""The spread over enrollments, by closed forms and a second implementation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsebench.bench.statistics.enrollments import EnrollmentSpread, enrollment_spread


def spread(
    values: np.ndarray, clusters: list[str] | None = None, *, higher: bool = True, resamples: int = 1000
) -> EnrollmentSpread | None:
    index = [f"t{place}" for place in range(len(values))]
    frame = pd.DataFrame(values, index=index)
    own = pd.Series(clusters or [f"m{place // 2}" for place in range(len(values))], index=index)
    return enrollment_spread(frame, own, higher_is_better=higher, names=(0, "set"), resamples=resamples)


def test_spread_within_trials_is_apart_from_that_between_them() -> None:
    """Three values −1, 0, 1 around the trial's number: σ within is 1 and σ between that of the numbers."""
    numbers = np.arange(8.0)
    found = spread(numbers[:, None] + np.array([[-1.0, 0.0, 1.0]]))
    assert found is not None
    assert (found.n, found.n_enrollments) == (8, 3)
    assert found.mean.value == pytest.approx(3.5)
    assert found.within_sd.value == pytest.approx(1.0)
    assert (found.within_sd.low, found.within_sd.high) == pytest.approx((1.0, 1.0))
    assert found.between_sd.value == pytest.approx(np.std(numbers, ddof=1))
    assert (found.worst.value, found.best.value) == pytest.approx((2.5, 4.5))


def test_worst_follows_the_direction() -> None:
    values = np.array([[1.0, 3.0], [2.0, 6.0], [1.0, 1.0], [0.0, 2.0]])
    up, down = spread(values), spread(values, higher=False)
    assert up is not None
    assert down is not None
    assert up.worst.value == down.best.value == pytest.approx(1.0)
    assert up.best.value == down.worst.value == pytest.approx(3.0)


def test_intervals_draw_whole_mixtures() -> None:
    """Twenty mixtures of four trials that are all alike: the interval is as wide as that of twenty trials."""
    rng = np.random.default_rng(5)
    level = rng.normal(size=20)
    values = np.repeat(level, 4)[:, None] + rng.normal(scale=0.1, size=(80, 3))
    clusters = [f"m{place // 4}" for place in range(80)]
    found = spread(values, clusters, resamples=4000)
    assert found is not None
    assert found.mean.value == pytest.approx(values.mean())
    half = (found.mean.high - found.mean.low) / 2
    expected = 2.09 * np.std(level, ddof=1) / np.sqrt(20)
    assert half == pytest.approx(expected, rel=0.1)
    alone = spread(values, resamples=4000)
    assert alone is not None
    assert alone.mean.high - alone.mean.low < 1.7 * half, "pairs of trials instead of fours: a narrower interval"


def test_trials_without_all_values_do_not_count() -> None:
    values = np.array([[1.0, 2.0], [np.nan, 2.0], [3.0, 5.0]])
    found = spread(values)
    assert found is not None
    assert found.n == 2
    assert found.within_sd.value == pytest.approx((np.sqrt(0.5) + np.sqrt(2.0)) / 2)
    assert spread(values[:, :1]) is None
    assert spread(np.full((3, 2), np.nan)) is None


def test_an_infinite_score_has_a_mean_and_no_interval() -> None:
    """The perfect answer to one trial by one of its enrollments."""
    found = spread(np.array([[np.inf, 1.0], [2.0, 3.0], [4.0, 5.0], [1.0, 2.0]]))
    assert found is not None
    assert (found.mean.value, found.best.value) == (np.inf, np.inf)
    assert found.worst.value == pytest.approx(2.0)
    assert np.isnan([found.within_sd.value, found.between_sd.value]).all()
    assert np.isnan([found.mean.low, found.mean.high, found.worst.low, found.best.high]).all()
