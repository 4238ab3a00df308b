"""Readings of "WER": counts known by hand, and what a claim is nearest to."""

from __future__ import annotations

import math

import pytest

from tsebench.bench.folders.claimed_numbers import claims_of, nearest
from tsebench.bench.folders.variant import VariantLine, VariantScores
from tsebench.bench.folders.word_variants import word_lines
from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.outcome import Score

SAID = {"a": "ONE, two three four", "b": "five"}


def score(trial: str, recognised: str, status: str = "ok") -> Score:
    return Score(
        trial_id=trial,
        metric="wer",
        signature="wer|x",
        value=0.0 if status == "ok" else math.nan,
        status=status,  # type: ignore[arg-type]
        detail=recognised,
    )


def lines(*scores: Score, mixture: tuple[Score, ...] = ()) -> dict[tuple[str, str], VariantLine]:
    found = word_lines(load_metric("wer"), scores, mixture, SAID)
    return {(line.variant.name, line.quantity): line for line in found}


def test_pooled_is_over_all_words_and_the_mean_over_trials() -> None:
    found = lines(score("a", "one two three five"), score("b", "six"))
    pooled, mean = found["wer_basic_pooled", "value"], found["wer_basic", "value"]
    assert pooled.mean == pytest.approx(100.0 * 2 / 5)
    assert math.isnan(pooled.median)
    assert (mean.mean, mean.median) == (pytest.approx(62.5), pytest.approx(62.5))


def test_a_normaliser_that_does_nothing_counts_case_and_commas() -> None:
    found = lines(score("a", "one two three four"), score("b", "five"))
    assert found["wer_none_pooled", "value"].mean == pytest.approx(20.0)
    assert found["wer_basic_pooled", "value"].mean == 0.0


def test_swapped_texts_count_over_the_words_that_were_recognised() -> None:
    found = lines(score("a", "one two"), score("b", "five"))
    assert found["wer_basic_pooled", "value"].mean == pytest.approx(40.0)
    assert found["wer_basic_pooled_swapped", "value"].mean == pytest.approx(100.0 * 2 / 3)


def test_a_failed_trial_is_counted_and_left_out() -> None:
    line = lines(score("a", "", "failed"), score("b", "five"))["wer_basic_pooled", "value"]
    assert (line.n, line.n_failed, line.mean) == (1, 1, 0.0)


def test_improvements_are_over_trials_that_both_have() -> None:
    mixture = (score("a", "one"), score("b", "six"))
    found = lines(score("a", "one two three four"), score("b", "", "failed"), mixture=mixture)
    line = found["wer_basic_pooled", "improvement"]
    assert (line.n, line.mean) == (1, pytest.approx(-75.0))


def test_a_claim_is_never_an_improvement() -> None:
    mixture = (score("a", "one"), score("b", "six"))
    every = lines(score("a", "one two three five"), score("b", "six"), mixture=mixture)
    (claim,) = claims_of("wer=-40")
    match = nearest(VariantScores(system="s", lines=tuple(every.values())), claim)
    assert match.nearest is not None
    assert match.nearest.line.quantity == "value"
    (claim,) = claims_of("wer=40.0")
    match = nearest(VariantScores(system="s", lines=tuple(every.values())), claim)
    assert match.nearest is not None
    assert match.nearest.line.variant.name == "wer_basic_pooled"
