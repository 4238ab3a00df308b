"""Several samples of one trial as one value, and the spread between the seeds."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.runs import make_run, rows_of

from tsebench.bench.rows import read_rows
from tsebench.bench.statistics.aggregate import aggregate, with_condition_labels
from tsebench.bench.statistics.aggregate_slices import aggregate_parts
from tsebench.bench.statistics.comparison import paired_difference
from tsebench.bench.statistics.samples import SAMPLES, VALUES, one_per_trial

ONE, TWO = [1.0, 2.0, 6.0, 7.0], [3.0, 2.0, 2.0, 5.0]  # samples of four trials of two mixtures


@pytest.fixture
def read(tmp_path: Any) -> Any:
    def written(*rows: Any) -> pd.DataFrame:
        return read_rows(make_run(tmp_path / "run", [row for part in rows for row in part]))

    return written


def test_a_trial_is_the_mean_of_its_samples(read: Any) -> None:
    rows = read(rows_of(ONE), rows_of(TWO, sample=1), rows_of(ONE, system="other"))
    assert list(rows["sample"]) == [0, 1] * 4 + [0] * 4
    found = one_per_trial(rows)
    assert "sample" not in found
    net = found[found["system"] == "net"]
    assert list(net["value"]) == [2.0, 2.0, 4.0, 6.0]
    assert list(net[SAMPLES]) == [2] * 4
    assert list(net[VALUES]) == list(zip(ONE, TWO, strict=True))
    assert found[found["system"] == "other"][SAMPLES].isna().all()
    pd.testing.assert_frame_equal(one_per_trial(found), found)


def test_rows_of_first_samples_stay(read: Any) -> None:
    rows = read(rows_of(ONE))
    pd.testing.assert_frame_equal(one_per_trial(rows), rows.drop(columns="sample"))


def test_the_spread_is_that_of_the_means_of_the_samples(read: Any) -> None:
    rows = read(rows_of(ONE), rows_of(TWO, sample=1), rows_of(ONE, system="other"))
    net, other = aggregate(rows, resamples=50)
    means = [np.mean(ONE), np.mean(TWO)]
    assert (net.n, net.n_samples, net.mean) == (4, 2, pytest.approx(np.mean(means)))
    assert net.seed_sd == pytest.approx(np.std(means, ddof=1))  # of 4 and 3: 0.7071
    assert (other.n_samples, math.isnan(other.seed_sd)) == (1, True)
    # The interval is that of the trials' means: the spread between seeds does not make more trials.
    alone = rows_of([2.0, 2.0, 4.0, 6.0])
    same = aggregate(pd.DataFrame([vars_of(row) for row in alone]), resamples=50)[0]
    assert (net.ci_low, net.ci_high, net.median) == (same.ci_low, same.ci_high, same.median)


def vars_of(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__ if name != "tags"}


def test_slices_have_the_same_numbers(read: Any) -> None:
    rows = one_per_trial(read(rows_of(ONE), rows_of(TWO, sample=1), rows_of(TWO, system="other")))
    mask = rows["trial_id"].isin(["t001", "t002"]).to_numpy()
    parts = aggregate_parts(rows, [mask, np.ones(len(rows), bool)], resamples=20)
    for part, own in zip(parts, (rows[mask], rows), strict=True):
        assert [str(cell) for cell in part] == [str(cell) for cell in aggregate(own, resamples=20)]
    assert parts[0][0].seed_sd == pytest.approx(abs(4.0 - 2.0) / math.sqrt(2))


def test_a_failed_sample_fails_its_trial(read: Any) -> None:
    rows = read(rows_of([1.0, math.nan, math.nan]), rows_of([3.0, 5.0, math.nan], sample=1))
    found = one_per_trial(rows)
    assert list(found["status"]) == ["ok", "failed", "failed"]
    assert list(found["reason"]) == ["", "samples: 1 of 2 failed: non_finite", "non_finite"]
    cell = aggregate(rows, resamples=20)[0]
    assert (cell.n, cell.n_failed, cell.mean) == (1, 2, 2.0)
    assert cell.seed_sd == pytest.approx(math.sqrt(2))


def test_an_undefined_sample_leaves_its_trial_undefined(read: Any) -> None:
    undefined = {"status": ["ok", "undefined"], "reason": ["floored", "odd"]}
    rows = read(rows_of([1.0, 2.0]), [*rows_of([3.0, math.nan], sample=1, **undefined)])
    found = one_per_trial(rows)
    assert list(found["status"]) == ["ok", "undefined"]
    assert list(found["reason"]) == ["floored", "samples: 1 of 2 undefined: odd"]
    cell = aggregate(rows, resamples=20)[0]
    assert (cell.n, cell.n_undefined, cell.n_floored) == (1, 1, 1)


def test_inapplicable_trials_stay_so(read: Any) -> None:
    absent = {"status": "undefined", "reason": "absent_target"}
    rows = read(rows_of([math.nan], **absent), rows_of([math.nan], sample=1, **absent))
    assert list(one_per_trial(rows)["reason"]) == ["absent_target"]
    assert aggregate(rows, resamples=20)[0].n_inapplicable == 1


def test_word_errors_pool_over_all_samples(read: Any) -> None:
    """Edits of all samples over words of all samples: 1+3 of 4+4 and 0+6 of 12+12."""
    facts = {"metric": "wer", "signature": "wer|x"}
    rows = read(
        rows_of([25.0, 0.0], weight=[4.0, 12.0], **facts), rows_of([75.0, 50.0], weight=[4.0, 12.0], sample=1, **facts)
    )
    cell = aggregate(rows, resamples=20)[0]
    assert cell.mean == pytest.approx(100 * (1 + 3 + 0 + 6) / 32)
    assert cell.trial_mean == pytest.approx((50.0 + 25.0) / 2)
    assert cell.seed_sd == pytest.approx(abs(100 * 1 / 16 - 100 * 9 / 16) / math.sqrt(2))


def test_trials_without_words_have_plain_means(read: Any) -> None:
    facts = {"metric": "wer", "signature": "wer|x", "weight": 0.0}
    rows = read(rows_of([1.0], **facts), rows_of([2.0], sample=1, **facts))
    assert list(one_per_trial(rows)["value"]) == [1.5]


def test_class_decisions_pool_over_all_samples(read: Any) -> None:
    """Two samples of two trials; class a is there in both and found in three of four."""

    def decided(*found: float) -> list[str]:
        return [json.dumps({"threshold": 0.5, "probabilities": {"a": p, "b": 0.6}, "active": ["a"]}) for p in found]

    facts = {"metric": "class_recall_micro", "signature": "c", "status": "ok"}
    rows = read(
        rows_of([1.0, 0.0], detail=decided(0.9, 0.1), **facts),
        rows_of([1.0, 1.0], detail=decided(0.8, 0.7), sample=1, **facts),
    )
    for name, expected in (("micro_recall", 3 / 4), ("micro_precision", 3 / 7)):
        cell = aggregate(one_per_trial(rows.assign(pooling=name)), resamples=20)[0]
        assert cell.mean == pytest.approx(expected)
        assert cell.n_samples == 2
    recalls = aggregate(one_per_trial(rows.assign(pooling="micro_recall")), resamples=20)[0]
    assert recalls.seed_sd == pytest.approx(np.std([0.5, 1.0], ddof=1))


def test_samples_that_are_not_drawn_yet_are_left_out(read: Any) -> None:
    rows = read(rows_of([1.0, 5.0]), rows_of([2.0], sample=1))
    found = one_per_trial(rows)
    assert list(found["value"]) == [1.5, 5.0]
    cell = aggregate(rows, resamples=20)[0]
    assert (cell.n, cell.n_samples) == (2, 2)
    assert cell.seed_sd == pytest.approx(1 / math.sqrt(2))  # of the trial that has both


def test_infinite_samples_of_both_signs_fail(read: Any) -> None:
    rows = read(rows_of([math.inf, math.inf]), rows_of([-math.inf, 1.0], sample=1))
    found = one_per_trial(rows)
    assert list(found["status"]) == ["failed", "ok"]
    assert list(found["reason"]) == ["infinite_samples", ""]
    assert found["value"].iloc[1] == math.inf


def test_pairs_are_compared_by_the_means_of_their_samples(read: Any) -> None:
    rows = read(rows_of(ONE), rows_of(TWO, sample=1), rows_of([0.0, 0.0, 0.0, 0.0], system="zero"))
    label = with_condition_labels(rows)["condition"].iloc[0]
    found = paired_difference(
        rows, system="net", baseline="zero", dataset="set", condition=label, metric="si_sdri", resamples=20
    )
    assert (found.n, found.mean) == (4, 3.5)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [(["target", "target", "other"], "target"), (["target", "other"], "other"), ([None, "target"], "target")],
)
def test_the_nearest_source_is_that_of_most_samples(read: Any, tags: list[str | None], expected: str) -> None:
    parts = [rows_of([1.0], sample=k, tags={"nearest": tag} if tag else {}) for k, tag in enumerate(tags)]
    assert list(one_per_trial(read(*parts))["tag_nearest"]) == [expected]
