"""Quantiles of Student's t against SciPy's distribution."""

from __future__ import annotations

import math

import pytest
from scipy import special, stats

from tsebench.bench.statistics.student import normal_tail, t_quantile


@pytest.mark.parametrize("level", [0.01, 0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("freedom", [*range(1, 12), 99, 100, 2999, 100_000])
def test_quantiles_are_those_of_scipy(level: float, freedom: int) -> None:
    assert t_quantile(level=level, freedom=freedom) == pytest.approx(
        stats.t.isf((1.0 - level) / 2.0, freedom), rel=1e-11
    )


def test_quantiles_of_one_and_two_degrees_of_freedom() -> None:
    assert t_quantile(level=0.8, freedom=1) == pytest.approx(math.tan(0.4 * math.pi), rel=1e-15)
    assert t_quantile(level=0.8, freedom=2) == pytest.approx(0.8 * math.sqrt(2.0 / (1.0 - 0.8**2)), rel=1e-15)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 30, 3000])
def test_levels_at_which_rounding_decides_have_the_quantile_of_those_below(freedom: int) -> None:
    below = t_quantile(level=1.0 - 1e-12, freedom=freedom)
    assert (
        t_quantile(level=math.nextafter(1.0, 0.0), freedom=freedom) == below > t_quantile(level=0.999, freedom=freedom)
    )


@pytest.mark.parametrize("distance", [-40.0, -1.0, 0.0, 1.96, 10.0, 38.0, math.inf])
def test_tails_of_the_normal_distribution(distance: float) -> None:
    assert normal_tail(distance) == pytest.approx(float(special.ndtr(-distance)), rel=1e-13)
