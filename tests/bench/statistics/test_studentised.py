"""Bootstrap-t intervals of a mean: coverage where trials are skewed, and what they fall back to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tsebench.bench.statistics.resampling import expanded_intervals, resampled_sums
from tsebench.bench.statistics.studentised import moments, studentised_interval

Ends = tuple[float, float]


def ends(values: NDArray[np.float64], *, seed: int = 0) -> tuple[Ends, Ends]:
    """The interval, and the plain percentile one from the same draws."""
    sums = np.stack([values, np.ones_like(values)], axis=1)
    drawn = resampled_sums(moments(sums), resamples=400, rng=np.random.default_rng(seed))
    low, high = np.quantile(values.mean() + drawn[:, 1] / drawn[:, 0], [0.025, 0.975])
    return studentised_interval(sums, drawn, level=0.95), (float(low), float(high))


def test_skewed_trials_are_covered_better_than_by_percentiles() -> None:
    """150 simulations of 20 lognormal clusters: 92 % and 86 % in the long run, see docs/benchmarks.md."""
    rng = np.random.default_rng(3)
    true, ours, percentile = math.exp(0.5), 0, 0
    for number in range(150):
        found, plain = ends(rng.lognormal(size=20), seed=number)
        ours += found[0] <= true <= found[1]
        percentile += plain[0] <= true <= plain[1]
    assert ours / 150 > 0.89
    assert ours > percentile


def test_a_shift_and_a_scale_go_through() -> None:
    values = np.random.default_rng(0).lognormal(size=30)
    (low, high), _ = ends(values)
    assert ends(1e6 + values)[0] == pytest.approx((1e6 + low, 1e6 + high), abs=1e-6)
    assert ends(-3.0 * values)[0] == pytest.approx((-3.0 * high, -3.0 * low))


def test_weights_are_those_of_a_ratio() -> None:
    """A cluster of twice the weight counts twice; equal weights of any size change nothing."""
    values = np.random.default_rng(0).normal(size=25)
    sums = np.stack([values, np.ones(25)], axis=1)
    drawn = resampled_sums(moments(sums), resamples=400, rng=np.random.default_rng(0))
    drawn_7 = resampled_sums(moments(7 * sums), resamples=400, rng=np.random.default_rng(0))
    one = studentised_interval(sums, drawn, level=0.95)
    assert studentised_interval(7 * sums, drawn_7, level=0.95) == pytest.approx(one)


@pytest.mark.parametrize("values", [[0.0] * 19 + [100.0], [1.0, 2.0, 5.0], [3.0] * 30])
def test_few_clusters_and_rare_errors_have_the_expanded_interval(values: list[float]) -> None:
    found, _ = ends(np.array(values))
    sums = np.stack([values, np.ones(len(values))], axis=1)
    drawn = resampled_sums(moments(sums), resamples=400, rng=np.random.default_rng(0))
    means = (np.mean(values) + drawn[:, 1] / drawn[:, 0])[:, None]
    assert found == pytest.approx(tuple(expanded_intervals(means, n_clusters=len(values), level=0.95)[:, 0]))
    assert min(values) - 1e-9 <= found[0] <= found[1] <= max(values) + 1e-9
