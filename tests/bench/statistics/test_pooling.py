"""Pooled values: scikit-learn and corpus rates, coverage of intervals, level of the test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_recall_fscore_support

from tsebench.bench.metrics.class_activity import ClassActivity
from tsebench.bench.metrics.protocol import Answered, Facts
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.statistics.aggregate import aggregate
from tsebench.bench.statistics.comparison import compare_pairs, paired_difference
from tsebench.bench.statistics.pooling import CLASS_SCORES, MEAN, decisions, pooling_of
from tsebench.bench.statistics.sign_flips import exchange_p_value, sign_flip_p_values
from tsebench.core.errors import UnknownNameError

pytestmark = pytest.mark.slow

CLASSES = ("bell", "cough", "dog", "rain")
WHERE = {"dataset": "mini", "condition": "FMQ 1:0"}
Decisions = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


def frame(metric: str, system: str = "net", **columns: object) -> pd.DataFrame:
    """Rows of one system, one trial to a cluster; the columns give the number of trials."""
    n = max(len(c) for c in columns.values() if isinstance(c, Sequence | np.ndarray))
    defaults: dict[str, object] = {
        "system": system,
        "dataset": "mini",
        "trial_id": [f"t{i:04d}" for i in range(n)],
        "condition": "FMQ",
        "n_active": 1,
        "n_inactive": 0,
        "cluster": [f"m{i:04d}" for i in range(n)],
        "metric": metric,
        "value": 0.0,
        "status": "ok",
        "reason": "",
        "weight": 1.0,
        "detail": "",
    }
    return pd.DataFrame({**defaults, **columns})


def word_rows(
    edits: NDArray[np.int64], words: NDArray[np.int64], system: str = "net", **columns: object
) -> pd.DataFrame:
    """Rows of `wer` as the metric gives them: a rate in percent that weighs by words."""
    return frame("wer", system, value=100.0 * edits / words, weight=words.astype(float), **columns)


def class_rows(
    found: Decisions, there: Decisions, system: str = "net", *, metric: str = "macro_f1", **c: Any
) -> pd.DataFrame:
    """Rows of a class-activity metric by the metric itself, for decisions [N, K]."""
    chosen = ClassActivity(metric)
    answers = [
        Answered(
            trial_id="",
            estimate=None,  # type: ignore[arg-type]
            reference=None,  # type: ignore[arg-type]
            mixture=None,  # type: ignore[arg-type]
            facts=Facts(
                classes=CLASSES,
                class_probabilities=np.where(f, 0.9, 0.1),  # type: ignore[arg-type]
                active_classes=tuple(np.array(CLASSES)[t]),
            ),
        )
        for f, t in zip(found, there, strict=True)
    ]
    with FilePool(0) as pool:
        outcomes = chosen.judge(answers, sample_rate_hz=8000, submit=pool.submit)
    columns = {
        name: [getattr(outcome, name) for outcome in outcomes] for name in ("value", "status", "reason", "detail")
    }
    return frame(metric, system, **columns, **c)


def details_only(found: Decisions, there: Decisions, **columns: object) -> pd.DataFrame:
    """The same, as fast as simulations need it; all trials have a score."""
    texts = {
        (f, t): decisions(CLASSES, [0.9 if bit else 0.1 for bit in f], list(np.array(CLASSES)[list(t)]), 0.5)
        for f, t in set(zip(map(tuple, found.tolist()), map(tuple, there.tolist()), strict=True))
    }
    pairs = zip(map(tuple, found.tolist()), map(tuple, there.tolist()), strict=True)
    return frame("macro_f1", detail=[texts[pair] for pair in pairs], **columns)


def random_decisions(
    rng: np.random.Generator, n: int, *, hit: float = 0.7, alarm: float = 0.2
) -> tuple[Decisions, Decisions]:
    there = rng.random((n, len(CLASSES))) < [0.5, 0.1, 0.3, 0.0]
    return rng.random(there.shape) < np.where(there, hit, alarm), there


# Values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_pooled_decisions_are_those_of_scikit_learn(seed: int) -> None:
    """Macro means leave out a class without a value: `zero_division=nan`."""
    rng = np.random.default_rng(seed)
    # Few trials and shy systems, so that classes without truths, decisions or both are common.
    found, there = random_decisions(rng, int(rng.integers(1, 30)), alarm=0.02 * seed)
    for average in ("macro", "micro"):
        values = precision_recall_fscore_support(there, found, average=average, zero_division=np.nan)
        assert values[2] == pytest.approx(f1_score(there, found, average=average, zero_division=np.nan), nan_ok=True)
        for quantity, expected in zip(("precision", "recall", "f1"), values[:3], strict=True):
            name = f"{average}_{quantity}"
            (cell,) = aggregate(class_rows(found, there, metric=name), resamples=1)
            assert cell.mean == pytest.approx(expected, abs=1e-12, nan_ok=True), name


@pytest.mark.parametrize("name", sorted(CLASS_SCORES))
def test_the_value_of_a_trial_is_that_of_its_own_decisions(name: str) -> None:
    found, there = random_decisions(np.random.default_rng(1), 40)
    average, quantity = name.split("_")
    rows = class_rows(found, there, metric=name)
    for f, t, row in zip(found, there, rows.to_dict("records"), strict=True):
        values = precision_recall_fscore_support(t[None], f[None], average=average, zero_division=np.nan)
        expected = values[("precision", "recall", "f1").index(quantity)]
        assert row["value"] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert (row["status"], row["reason"]) == (("undefined", "no_class") if math.isnan(expected) else ("ok", ""))


@pytest.mark.parametrize("probability", [0.49999997, 0.4999999, 0.5, 0.50000003, 1e-9, 1.0])
@pytest.mark.parametrize("threshold", [0.5, 1.0, 0.0])
def test_a_decision_is_that_of_the_probability_itself(probability: float, threshold: float) -> None:
    """The stored float32 probability is on the same side of the threshold as itself."""
    given = float(np.float32(probability))
    pooling = CLASS_SCORES["micro_precision"]
    row = pd.DataFrame({"detail": [decisions(["dog"], [given], ["dog"], threshold)]})
    _, found, _ = pooling.summands(row, ["dog"])[0]
    assert found == (given >= threshold)


@pytest.mark.parametrize("name", sorted(CLASS_SCORES))
def test_a_system_without_a_classifier_has_no_score_next_to_one_that_has(name: str) -> None:
    scored = frame(name, value=[1.0, 1.0], detail=[decisions(CLASSES, [1, 0, 0, 0], ["bell"], 0.5)] * 2)
    silent = frame(name, "plain", value=[math.nan] * 2).assign(status="undefined", reason="no_class_probabilities")
    net, plain = aggregate(pd.concat([scored, silent], ignore_index=True), resamples=20)
    assert (net.system, net.n, net.mean) == ("net", 2, 1.0)
    assert (plain.system, plain.n, plain.n_undefined) == ("plain", 0, 2)
    assert math.isnan(plain.mean)
    # Alone, it decides on no class at all.
    (alone,) = aggregate(silent, resamples=20)
    assert math.isnan(alone.mean)


def test_corpus_word_error_rate_is_all_errors_over_all_words() -> None:
    rng = np.random.default_rng(2)
    words = rng.integers(1, 20, 50)
    edits = rng.binomial(words, 0.3) + rng.integers(0, 3, 50)
    (cell,) = aggregate(word_rows(edits, words), resamples=1)
    assert cell.mean == pytest.approx(100.0 * edits.sum() / words.sum(), abs=1e-10)
    assert cell.trial_mean == pytest.approx(np.mean(100.0 * edits / words), abs=1e-10)
    assert abs(cell.mean - cell.trial_mean) > 1.0


def test_only_class_activity_has_a_pooling_of_its_own() -> None:
    rows = frame("wer", value=[1.0])
    assert pooling_of(rows, "wer") is MEAN
    assert pooling_of(rows, "macro_f1") is CLASS_SCORES["macro_f1"]


def test_the_column_pooling_decides_for_metrics_that_are_not_installed() -> None:
    rows = frame("elsewhere", value=[1.0]).assign(pooling="micro_f1")
    assert pooling_of(rows, "elsewhere") is CLASS_SCORES["micro_f1"]
    assert pooling_of(rows.drop(columns="pooling"), "elsewhere") is MEAN


def test_an_unknown_pooling_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="unknown pooling 'median'; "):
        pooling_of(frame("elsewhere", value=[1.0]).assign(pooling="median"), "elsewhere")


# Comparisons --------------------------------------------------------------------------------------


def test_a_difference_of_corpus_rates_is_the_closed_form() -> None:
    """Over the trials of both: a failed trial of one system is left out of both sums."""
    rng = np.random.default_rng(3)
    words = rng.integers(1, 20, 40)
    ours, theirs = rng.binomial(words, 0.2), rng.binomial(words, 0.35)
    rows = [word_rows(ours, words), word_rows(theirs, words, "old")]
    rows[0].loc[:4, ["value", "status", "reason"]] = [math.nan, "failed", "length"]
    pairs = [("net", "old"), ("old", "net")]
    there, back = compare_pairs(pd.concat(rows), pairs=pairs, metric="wer", **WHERE)
    expected = 100.0 * (ours[5:].sum() - theirs[5:].sum()) / words[5:].sum()
    assert there.mean == pytest.approx(expected, abs=1e-10)
    assert back.mean == pytest.approx(-expected, abs=1e-10)
    assert (there.n, there.n_clusters) == (35, 35)
    assert there.ci_low < expected < there.ci_high
    assert there.p_value == back.p_value < 0.05


@pytest.mark.parametrize("metric", sorted(CLASS_SCORES))
def test_a_difference_of_pooled_decisions_is_the_difference_of_the_aggregates(metric: str) -> None:
    """Both systems are whole, so that no trial may be left out, though one often finds nothing.

    A trial in which nothing is found has no precision of its own, but its neighbours' false
    alarms must not be forgiven for that.
    """
    rng = np.random.default_rng(4)
    shy, there = random_decisions(rng, 60, hit=0.4, alarm=0.01)
    rash = random_decisions(rng, 60, alarm=0.3)[0] | shy
    rows = pd.concat([class_rows(shy, there, metric=metric), class_rows(rash, there, "old", metric=metric)])
    found = paired_difference(rows, system="net", baseline="old", metric=metric, **WHERE)
    means = {cell.system: cell.mean for cell in aggregate(rows, resamples=1)}
    assert found.mean == pytest.approx(means["net"] - means["old"], abs=1e-12)
    assert found.n == 60


def test_a_system_that_finds_nothing_has_no_precision_and_no_comparison() -> None:
    rng = np.random.default_rng(5)
    found, there = random_decisions(rng, 20)
    for metric in ("macro_precision", "micro_precision"):
        rows = pd.concat(
            [class_rows(0 * found > 0, there, metric=metric), class_rows(found, there, "old", metric=metric)]
        )
        compared = paired_difference(rows, system="net", baseline="old", metric=metric, **WHERE)
        assert math.isnan(compared.mean)
        assert math.isnan(compared.p_value)
        assert math.isnan(compared.ci_low)
        assert not compared.significant
        silent = aggregate(rows, resamples=20)[0]
        assert (silent.system, silent.n, silent.n_undefined) == ("net", 0, 20)
        assert math.isnan(silent.mean)
        assert math.isnan(silent.ci_low)


# Intervals ----------------------------------------------------------------------------------------


def within(p: float, draws: int, *, errors: float = 3.0) -> float:
    """Standard errors of a share of `draws`, which is binomial."""
    return errors * math.sqrt(p * (1.0 - p) / draws)


def covered(rows: Sequence[pd.DataFrame], truth: float) -> float:
    cells = aggregate(pd.concat(rows), resamples=300)
    assert len(cells) == len(rows)
    return sum(cell.ci_low <= truth <= cell.ci_high for cell in cells) / len(cells)


@pytest.mark.long
def test_intervals_of_corpus_rates_cover() -> None:
    """Nominal 95 %; over 50 clusters the percentile bootstrap covers about a point less.

    A speaker with long utterances is recognised worse: a mean over trials would be another number
    (its expectation is 18.3 %), and is covered far less often.
    """
    rng, draws, clusters = np.random.default_rng(20), 400, 50
    rows = []
    for number in range(draws):
        long = np.repeat(rng.random(clusters) < 1 / 3, 2)
        words = np.where(long, 20, 5)
        edits = rng.binomial(words, np.where(long, 0.35, 0.10))
        names = [f"m{i // 2}" for i in range(2 * clusters)]
        rows.append(word_rows(edits, words, dataset=f"d{number}", cluster=names))
    # Of three speakers one says 20 words with 35 % errors, two say 5 with 10 %.
    truth = 100.0 * (20 * 0.35 + 2 * 5 * 0.10) / (20 + 2 * 5)
    share = covered(rows, truth)
    assert 0.935 - within(0.95, draws) <= share <= 0.95 + within(0.95, draws)
    assert covered(rows, 100.0 * (0.35 + 2 * 0.10) / 3) < 0.8


@pytest.mark.long
def test_intervals_of_macro_f1_cover() -> None:
    """The truth is F1 of expected counts: P(hit) / ((P(found) + P(there)) / 2), of each class."""
    rng, draws, n = np.random.default_rng(21), 150, 120
    rates, hit, alarm = np.array([0.5, 0.2, 0.3, 0.4]), 0.7, 0.1
    rows = []
    for number in range(draws):
        there = rng.random((n, 4)) < rates
        found = rng.random((n, 4)) < np.where(there, hit, alarm)
        rows.append(details_only(found, there, dataset=f"d{number}"))
    hits, decided = rates * hit, rates * hit + (1.0 - rates) * alarm
    truth = float(np.mean(2.0 * hits / (decided + rates)))
    share = covered(rows, truth)
    assert 0.935 - within(0.95, draws) <= share <= 0.95 + within(0.95, draws)
    assert covered(rows, truth + 0.05) < 0.8


# Test ---------------------------------------------------------------------------------------------


def mean_of(sums: FloatArray) -> FloatArray:
    return MEAN.value(sums)


@pytest.mark.parametrize("n_clusters", [1, 2, 5, 9, 14])
def test_exchanges_of_means_are_sign_flips(n_clusters: int) -> None:
    """The same assignments are tried, so p-values are equal; ties and zeros are in one of two."""
    rng = np.random.default_rng(n_clusters)
    for draw in range(20):
        words = rng.integers(1, 9, n_clusters).astype(float)
        ours, theirs = rng.normal([[0.5], [0.0]], size=(2, n_clusters))
        if draw % 2:
            ours, theirs = np.round(ours), np.round(theirs)
        there = np.stack([ours, words], axis=1), np.stack([theirs, words], axis=1)
        p_value = exchange_p_value(*there, mean_of, rng=rng)
        (expected,) = sign_flip_p_values((ours - theirs)[:, None], rng=rng)
        assert p_value == pytest.approx(expected, abs=1e-15)
        assert exchange_p_value(*there[::-1], mean_of, rng=rng) == p_value


def test_random_exchanges_of_means_agree_with_sign_flips() -> None:
    """Both draw 9999 of 2^40 assignments: two binomial errors."""
    rng = np.random.default_rng(7)
    ones = np.ones(40)
    for shift in (0.0, 0.15, 0.3):
        values = rng.normal(shift, size=40)
        there = np.stack([values, ones], axis=1), np.stack([0.0 * ones, ones], axis=1)
        p_value = exchange_p_value(*there, mean_of, rng=rng)
        (expected,) = sign_flip_p_values(values[:, None], rng=rng)
        assert p_value == pytest.approx(expected, abs=math.sqrt(2) * within(expected, 9999, errors=4))


def counts(found: Decisions, there: Decisions) -> FloatArray:
    """Sums of each cluster [K, 12] of one trial: hits, decisions and truths of four classes."""
    return np.concatenate([found & there, found, there], axis=1).astype(np.float64)


@pytest.mark.parametrize("n_clusters", [12, 40])
def test_level_and_power_for_macro_f1(n_clusters: int) -> None:
    """Alike systems differ significantly in at most 5 % of all cases, and in not many fewer.

    With few clusters assignments often tie, and ties make a test shy: hence the lower bound.
    """
    rng, draws = np.random.default_rng(22), 1000
    value = CLASS_SCORES["macro_f1"].value
    positives = detected = 0
    for _ in range(draws):
        there = rng.random((n_clusters, 4)) < [0.5, 0.2, 0.3, 0.4]
        # Trials differ in difficulty, which both systems share.
        hard = rng.random((n_clusters, 1)) < 0.5
        chance = np.where(there, np.where(hard, 0.4, 0.9), np.where(hard, 0.3, 0.05))
        ours, theirs = (rng.random((2, *there.shape)) < chance).astype(bool)
        better = rng.random(there.shape) < np.where(there, 0.95, 0.05)
        sums = [counts(found, there) for found in (ours, theirs, better)]
        positives += exchange_p_value(*sums[:2], value, rng=rng, flips=199) <= 0.05
        detected += exchange_p_value(*sums[2:], sums[1], value, rng=rng, flips=199) <= 0.05
    tolerance = within(0.05, draws)
    assert 0.04 - tolerance <= positives / draws <= 0.05 + tolerance
    assert detected / draws > {12: 0.3, 40: 0.9}[n_clusters]


def test_exchanges_without_a_value_are_no_evidence() -> None:
    """Each system finds one class in one of two trials.

    Exchanged in one of them, one system finds nothing and has no precision. That says nothing
    against the hypothesis, so it must not count as a smaller difference than the observed one.
    """
    there = np.array([[True, False, False, False]] * 2)
    ours, theirs = np.zeros((2, 2, 4), np.bool_)
    ours[0, 0] = theirs[1, 1] = True  # a hit, and a false alarm
    sums = counts(ours, there), counts(theirs, there)
    value = CLASS_SCORES["micro_precision"].value
    assert exchange_p_value(*sums, value, rng=np.random.default_rng(0)) == 1.0
