"""Sign-flip tests of many comparisons: groups of assignments, and comparisons that need no counting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from scipy.linalg import hadamard

from tsebench.bench.statistics import flip_groups, sign_flips
from tsebench.bench.statistics.comparison import ALPHA, precise_flips
from tsebench.bench.statistics.flip_groups import group_p_values, group_size
from tsebench.bench.statistics.sign_flips import FLIPS, sign_flip_p_values


def test_sums_of_the_group_are_those_of_its_assignments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of 2^5 in cosets of 2^4, against the signs of each member written out."""
    monkeypatch.setattr(flip_groups, "_MATRICES", tuple(hadamard(side).astype(np.float64) for side in (2, 4, 2)))
    monkeypatch.setattr(flip_groups, "_LOW", 4)
    totals = np.random.default_rng(0).normal(0.3, 1.0, size=(9, 3))
    codes = np.random.default_rng(1).integers(32, size=9)
    members = [[(-1) ** (int(member) & int(code)).bit_count() for code in codes] for member in range(32)]
    limits = np.abs(totals.sum(axis=0)) - 1e-9
    expected = (np.abs(np.array(members) @ totals) >= limits).mean(axis=0)
    found = group_p_values(totals, limits, rng=np.random.default_rng(1), flips=31)
    assert found == pytest.approx(expected)
    assert len(set(expected)) > 1


def test_p_values_of_a_group_are_those_of_a_normal_sum() -> None:
    """2,000 clusters: the flipped sum is normal, and 2^17 members give a p of 0.0027 to 5 %, 3 standard errors."""
    totals = np.random.default_rng(0).normal(size=(2000, 4))
    distances = np.array([0.5, 2.0, 2.576, 3.0])
    limits = distances * np.sqrt(np.square(totals).sum(axis=0))
    found = group_p_values(totals, limits, rng=np.random.default_rng(2), flips=2**17 - 1)
    assert found == pytest.approx(2 * special.ndtr(-distances), rel=0.15)
    assert group_size(2**17 - 1) == 2**17


@pytest.mark.parametrize("scale", [0.1, 1e-150])
def test_single_precision_decides_no_tie(scale: float) -> None:
    """Sums of tenths often equal the observed one but for rounding, which hides it from single precision."""
    totals = scale * np.random.default_rng(12).integers(-2, 3, size=(60, 5))
    observed = np.abs(totals.sum(axis=0))
    limits = observed - 1e-9 * np.abs(totals).sum(axis=0)
    bits = np.random.default_rng(11).integers(2, size=(500, 60)).astype(np.uint8)
    flipped = np.abs((2.0 * bits - 1.0) @ totals)
    ties = np.isclose(flipped, observed, rtol=0.0, atol=1e-3 * scale).sum(axis=0)
    assert (ties > 10).all()
    found = sign_flips._Counter(totals, limits).count(bits)
    assert found.tolist() == (flipped >= limits).sum(axis=0).tolist()


def test_comparisons_far_apart_are_not_counted_and_have_the_same_p_value(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    totals = rng.normal([0.0, 0.1, 0.2, 2.0], 1.0, size=(400, 4))
    quick = sign_flip_p_values(totals, rng=np.random.default_rng(4))
    monkeypatch.setattr(sign_flips, "_NEVER", 0.0)
    assert quick.tolist() == sign_flip_p_values(totals, rng=np.random.default_rng(4)).tolist()
    assert quick[3] == 1.0 / (1 + FLIPS)


def test_large_families_reach_small_p_values_and_leave_others_as_they_are() -> None:
    totals = np.random.default_rng(5).normal([0.0, 0.09, 0.25, 3.0], 1.0, size=(400, 4))
    few = sign_flip_p_values(totals, rng=np.random.default_rng(6))
    many = sign_flip_p_values(totals, rng=np.random.default_rng(6), flips=100_000)
    assert many[0] == few[0]
    assert many[2] < 1.0 / (1 + FLIPS)
    assert many[3] == 1.0 / group_size(100_000)


def test_the_level_holds_with_a_second_test() -> None:
    """Noise alone: of 4,000 comparisons, 5 % have p ≤ 0.05 and 1 in 2,000 has p ≤ 0.0005, within 4 standard errors."""
    totals = np.random.default_rng(7).normal(size=(20, 4000))
    p_values = sign_flip_p_values(totals, rng=np.random.default_rng(8), flips=20_000)
    for level in (0.05, 0.0005):
        assert np.count_nonzero(p_values <= level) <= 4000 * level + 4 * np.sqrt(4000 * level)


def test_decisions_of_a_family_hardly_depend_on_the_draw() -> None:
    """190 comparisons: at the smallest level of Holm's steps, 2^17 members give a p-value to a fifth of its size."""
    level = ALPHA / 190
    totals = np.random.default_rng(9).normal(size=(2000, 4))
    totals += -special.ndtri(level / 2) * np.sqrt(np.square(totals).sum(axis=0)) / 2000 - totals.mean(axis=0)
    expected = 2 * special.ndtr(-totals.sum(axis=0) / np.sqrt(np.square(totals).sum(axis=0)))
    seeds = map(np.random.default_rng, range(10))
    found = np.array([sign_flip_p_values(totals, rng=rng, flips=precise_flips(190)) for rng in seeds]) / expected
    assert found.mean() == pytest.approx(1.0, abs=0.15)
    assert found.std() < 0.3
