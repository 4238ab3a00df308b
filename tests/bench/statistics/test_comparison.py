"""Paired comparison: closed forms, a second implementation, level, power and coverage."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tsebench.bench.statistics.comparison import ALPHA, Difference, compare_pairs, holm, paired_difference, rank_groups
from tsebench.bench.statistics.resampling import expanded_intervals, resampled_ratios
from tsebench.bench.statistics.sign_flips import sign_flip_p_values
from tsebench.core.errors import ConfigError

WHERE = {"dataset": "mini", "condition": "FMQ 1:0", "metric": "snri"}


def frame(values: list[float], system: str = "net", **columns: object) -> pd.DataFrame:
    """Rows of one system, a cluster for each trial; a NaN is a failed row."""
    defaults: dict[str, object] = {
        "system": system,
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


def compared(left: list[float], right: list[float], **columns: object) -> Difference:
    rows = pd.concat([frame(left, **columns), frame(right, "old", **columns)])
    return paired_difference(rows, system="net", baseline="old", **WHERE)


def p_of(*totals: float, seed: int = 0) -> float:
    column = np.array(totals, np.float64)[:, None]
    return float(sign_flip_p_values(column, rng=np.random.default_rng(seed))[0])


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ((1.0, 2.0, 3.0), 2 / 8),  # 6 is reached by all + and all − alone
        ((3.0, -1.0, 2.0, 0.0), 4 / 8),  # |±3 ±1 ±2| is 6, 4, 2, 0: two of four reach 4
        ((0.1, 0.1, 0.1, 0.1, 0.1), 2 / 32),  # with 5 clusters nothing is significant
        ((1.0,) * 6, 2 / 64),  # with 6 it can be
        ((0.3, -0.1, -0.2), 1.0),  # 0 but for rounding: every assignment reaches it
        ((7.0,), 1.0),
        ((0.0, 0.0), 1.0),
        ((0.0,) * 40, 1.0),
    ],
)
def test_p_values_by_hand(totals: tuple[float, ...], expected: float) -> None:
    assert p_of(*totals) == pytest.approx(expected, abs=1e-12)
    assert p_of(*(-1e6 * t for t in totals)) == pytest.approx(expected, abs=1e-12)


def test_flips_of_signed_ranks_are_the_wilcoxon_test() -> None:
    """The sum of signed ranks under all signs is Wilcoxon's statistic, whose law is tabulated."""
    rng = np.random.default_rng(2)
    for n_clusters in (8, 14, 30):
        ranks = rng.permutation(n_clusters) + 1.0
        signed = ranks * np.where(rng.random(n_clusters) < 0.7, 1.0, -1.0)
        expected = stats.wilcoxon(signed, method="exact").pvalue
        error = 0.0 if n_clusters <= 14 else 4 * math.sqrt(expected / 9999)
        assert p_of(*signed) == pytest.approx(expected, abs=1e-12 + error)


def test_the_smallest_random_p_value_counts_the_observed_signs() -> None:
    assert p_of(*[1.0] * 60) == 1 / 10_000


def test_many_clusters_agree_with_the_t_test() -> None:
    values = np.random.default_rng(3).normal(0.13, 1.0, size=(300, 5))
    p_values = sign_flip_p_values(values, rng=np.random.default_rng(0))
    assert p_values == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, abs=0.015)


@pytest.mark.parametrize("n_clusters", [10, 20, 40])
def test_level_and_power(n_clusters: int) -> None:
    """False positives: 5 % within 3 standard errors. Power: that of the t-test, noncentral t."""
    draws, effect = 4000, 0.7
    rng = np.random.default_rng(11)
    totals = rng.normal(size=(n_clusters, draws))
    positives = np.mean(sign_flip_p_values(totals, rng=rng, flips=999) < ALPHA)
    assert positives == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / draws))
    power = np.mean(sign_flip_p_values(totals + effect, rng=rng, flips=999) < ALPHA)
    limit = stats.t.ppf(0.975, n_clusters - 1)
    expected = stats.nct.sf(limit, n_clusters - 1, effect * math.sqrt(n_clusters))
    assert power == pytest.approx(expected, abs=0.03)


def test_clusters_of_unequal_size_keep_the_level() -> None:
    rng = np.random.default_rng(12)
    sizes = rng.choice([1.0, 2.0, 3.0, 12.0], size=(20, 4000))
    totals = sizes * rng.normal(size=sizes.shape) + np.sqrt(sizes) * rng.normal(size=sizes.shape)
    positives = np.mean(sign_flip_p_values(totals, rng=rng, flips=999) < ALPHA)
    assert positives == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 4000))


def difference(system: str, baseline: str, p_adjusted: float) -> Difference:
    numbers = {"n": 9, "n_clusters": 9, "mean": 0.0, "ci_low": 0.0, "ci_high": 0.0}
    return Difference(system=system, baseline=baseline, **WHERE, **numbers, p_value=0.0, p_adjusted=p_adjusted)


def test_alike_systems_are_seldom_split() -> None:
    """Five systems of one quality, 300 tables: without a correction more than a fifth is split."""
    rng = np.random.default_rng(13)
    pairs = list(combinations(range(5), 2))
    names = [str(i) for i in range(5)]
    split, uncorrected, tables = 0, 0, 300
    for _ in range(tables):
        values = rng.normal(size=(20, 1)) + rng.normal(size=(20, 5))
        totals = np.stack([values[:, i] - values[:, j] for i, j in pairs], axis=1)
        p_values = sign_flip_p_values(totals, rng=rng, flips=999)
        uncorrected += bool((p_values < ALPHA).any())
        found = [difference(str(i), str(j), p) for (i, j), p in zip(pairs, holm(p_values), strict=True)]
        order = [names[i] for i in np.argsort(-values.mean(axis=0))]
        split += rank_groups(order, found) != (1,) * 5
    assert split / tables <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / tables)
    assert uncorrected / tables > 0.2


def test_coverage_at_twenty_clusters_is_that_of_the_level() -> None:
    rng = np.random.default_rng(14)
    totals, sizes = rng.normal(size=(20, 3000)), np.full((20, 3000), 3.0)
    drawn = resampled_ratios(totals, sizes, resamples=600, rng=rng)
    low, high = expanded_intervals(drawn, n_clusters=20, level=0.95)
    covered = np.mean((low <= 0.0) & (high >= 0.0))
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.05 * 0.95 / 3000))
    plain = resampled_ratios(totals, sizes, resamples=600, rng=rng)
    ends = np.quantile(plain, [0.025, 0.975], axis=0)
    assert covered - np.mean((ends[0] <= 0.0) & (ends[1] >= 0.0)) > 0.01


def test_a_column_has_the_interval_that_it_has_alone() -> None:
    rng = np.random.default_rng(15)
    totals, sizes = rng.normal(size=(30, 7)), rng.integers(1, 5, size=(30, 7)).astype(float)
    together = resampled_ratios(totals, sizes, resamples=50, rng=np.random.default_rng(1))
    alone = resampled_ratios(totals[:, 3:4], sizes[:, 3:4], resamples=50, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(together[:, 3:4], alone)


def test_many_pairs_have_the_p_values_that_they_have_alone() -> None:
    """The pairs of 25 systems, which are of rank 24, and as many columns that are of full rank."""
    rng = np.random.default_rng(16)
    systems = np.round(rng.normal(size=(60, 25)) + np.linspace(0.0, 0.5, 25), 1)  # with ties
    left, right = np.triu_indices(25, 1)
    pairs = systems[:, left] - systems[:, right]
    for totals in (pairs, rng.normal(size=pairs.shape)):
        together = sign_flip_p_values(totals, rng=np.random.default_rng(2))
        alone = [
            sign_flip_p_values(totals[:, first : first + 50], rng=np.random.default_rng(2))
            for first in range(0, 300, 50)
        ]
        np.testing.assert_array_equal(together, np.concatenate(alone))
        assert len(np.unique(together)) > 100


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # 4 x 0.005, 3 x 0.01, 2 x 0.03, then 1 x 0.04 raised to the one before
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.04, math.nan, 0.01], [0.04, math.nan, 0.02]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.2], [0.2]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([], []),
    ],
)
def test_holm_by_hand(given: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(holm(given), expected, atol=1e-15)


def test_holm_rejects_what_the_step_down_procedure_rejects() -> None:
    rng = np.random.default_rng(16)
    for _ in range(200):
        p_values = rng.random(rng.integers(1, 12)) ** 3
        rejected = set()
        for step, i in enumerate(np.argsort(p_values)):
            if p_values[i] >= ALPHA / (len(p_values) - step):
                break
            rejected.add(int(i))
        assert set(np.flatnonzero(holm(p_values) < ALPHA)) == rejected


def groups(order: str, apart: str) -> tuple[int, ...]:
    """Ranks of systems with names of one letter; `apart` lists the pairs that differ."""
    found = [difference(a, b, 0.01 if f"{a}{b}" in apart.split() else 0.5) for a, b in combinations(order, 2)]
    return rank_groups(list(order), found)


@pytest.mark.parametrize(
    ("order", "apart", "ranks"),
    [
        ("abc", "", (1, 1, 1)),
        ("abc", "ab ac bc", (1, 2, 3)),
        ("abc", "ac bc", (1, 1, 3)),
        ("abc", "ab ac", (1, 2, 2)),
        ("abc", "ac", (1, 1, 3)),  # b is like both, and belongs with the better
        ("abc", "bc", (1, 1, 3)),  # a varies much; b and c differ, so they share no rank
        ("abcd", "ab ad", (1, 2, 2, 2)),
        ("a", "", (1,)),
        ("", "", ()),
    ],
)
def test_rank_groups(order: str, apart: str, ranks: tuple[int, ...]) -> None:
    assert groups(order, apart) == ranks


def test_what_cannot_be_compared_is_not_told_apart() -> None:
    assert rank_groups(["a", "b"], [difference("b", "a", math.nan)]) == (1, 1)


def test_paired_difference_uses_the_trials_of_both() -> None:
    rng = np.random.default_rng(7)
    level = rng.normal(scale=10.0, size=50)  # shared by both systems: pairing removes it
    left = level + 1.0 + rng.normal(scale=0.1, size=50)
    left[0] = math.nan
    found = compared(list(left), list(level))
    expected = (left - level)[1:]
    assert (found.n, found.n_clusters) == (49, 49)
    assert found.mean == pytest.approx(expected.mean(), abs=1e-12)
    half = 1.96 * expected.std() / math.sqrt(49)
    assert found.ci_high - found.ci_low == pytest.approx(2 * half, rel=0.2)
    assert found.p_value == found.p_adjusted == 1 / 10_000
    assert found.significant


def test_swapping_the_systems_turns_the_sign() -> None:
    rng = np.random.default_rng(8)
    left, right = rng.normal(0.3, size=(2, 30))
    there, back = compared(list(left), list(right)), compared(list(right), list(left))
    assert there.mean == pytest.approx(-back.mean, abs=1e-12)
    assert there.p_value == back.p_value
    assert (there.ci_low, there.ci_high) == pytest.approx((-back.ci_high, -back.ci_low), abs=1e-12)


def test_the_clusters_count_and_not_the_trials() -> None:
    """Six mixtures of ten trials with one difference each: 2 of 2^6 assignments."""
    names = [f"m{i // 10}" for i in range(60)]
    found = compared([1.0] * 60, [0.0] * 60, cluster=names)
    assert (found.n, found.n_clusters, found.p_value) == (60, 6, 2 / 64)


def test_no_difference_anywhere() -> None:
    found = compared([1.5] * 30, [1.5] * 30)
    assert (found.mean, found.ci_low, found.ci_high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert not found.significant


def test_one_cluster_has_a_mean_and_no_evidence() -> None:
    found = compared([2.0, 4.0], [1.0, 1.0], cluster="m")
    assert (found.mean, found.n, found.n_clusters, found.p_value) == (2.0, 2, 1, 1.0)
    assert math.isnan(found.ci_low)
    assert not found.significant


@pytest.mark.parametrize("left", [[math.nan] * 8, []])
def test_no_trial_in_common(left: list[float]) -> None:
    found = compared(left, [1.0] * 8)
    assert (found.n, found.n_clusters) == (0, 0)
    numbers = (found.mean, found.ci_low, found.ci_high, found.p_value, found.p_adjusted)
    assert all(math.isnan(number) for number in numbers)
    assert not found.significant


def test_infinite_values_have_no_p_value() -> None:
    for right, mean in (([0.0] * 8, math.inf), ([math.inf] + [0.0] * 7, math.nan)):
        found = compared([math.inf] + [1.0] * 7, right)
        np.testing.assert_equal(found.mean, mean)
        assert math.isnan(found.p_value)
        assert math.isnan(found.ci_low)


def test_floored_values_count_as_they_stand() -> None:
    """Both floored on six of twelve trials: 0 there, so six differences of 1 are left."""
    floor = [-30.0] * 6
    found = compared(floor + [2.0] * 6, floor + [1.0] * 6, reason=["floored"] * 6 + [""] * 6)
    assert (found.n, found.mean, found.p_value) == (12, 0.5, 2 / 64)


def three(seed: int = 9) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, 40)) + np.array([[0.6], [0.0], [0.1]])
    return pd.concat([frame(list(v), name) for v, name in zip(values, "abc", strict=True)])


def test_a_family_is_corrected_together_and_drawn_alike() -> None:
    rows = three()
    pairs = [("a", "b"), ("a", "c"), ("b", "c"), ("a", "missing")]
    found = compare_pairs(rows, pairs=pairs, **WHERE)
    assert [(d.system, d.baseline) for d in found] == pairs
    alone = [paired_difference(rows, system=a, baseline=b, **WHERE) for a, b in pairs]
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_equal((one.mean, one.ci_low), (other.mean, other.ci_low))
        np.testing.assert_equal(one.p_value, other.p_value)
    np.testing.assert_array_equal([d.p_adjusted for d in found], holm([d.p_value for d in alone]))
    assert found[0].p_adjusted == pytest.approx(3 * found[0].p_value)
    assert math.isnan(found[3].p_adjusted)


def test_neither_order_nor_other_systems_matter() -> None:
    rows = three()
    shuffled = rows[rows["system"] != "c"].sample(frac=1.0, random_state=1)
    options = {"system": "a", "baseline": "b", **WHERE}
    assert paired_difference(rows, **options) == paired_difference(shuffled, **options)
    other = paired_difference(rows, **options, seed=1)
    assert other != paired_difference(rows, **options)
    assert other.mean == paired_difference(rows, **options).mean


def test_pairs_with_other_clusters_have_intervals_of_their_own() -> None:
    rows = three()
    lost = (rows["system"] == "c") & (rows["trial_id"] < "t0010")
    rows.loc[lost, ["value", "status"]] = [math.nan, "failed"]
    full, less = compare_pairs(rows, pairs=[("b", "a"), ("c", "a")], **WHERE)
    assert (full.n_clusters, less.n_clusters) == (40, 30)
    assert less.ci_low < less.mean < less.ci_high


def test_two_values_for_a_trial_are_refused() -> None:
    rows = pd.concat([frame([1.0, 2.0]), frame([1.0, 2.0])])
    with pytest.raises(ConfigError, match=r"'net' has several values of 'snri' for trial 't0000'"):
        paired_difference(rows, system="net", baseline="old", **WHERE)


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match=r"level = 95 must lie between 0 and 1"):
        paired_difference(frame([1.0]), system="a", baseline="b", **WHERE, level=95)
