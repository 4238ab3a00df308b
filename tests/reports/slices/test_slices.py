"""Slices: fixed bins, members counted by hand, strata never pooled, means that are known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from tsebench.bench.statistics.aggregate import Aggregate, aggregate
from tsebench.bench.statistics.aggregate_slices import aggregate_parts
from tsebench.bench.statistics.pooling import decisions
from tsebench.bench.text_columns import coded
from tsebench.reports.slices.dimensions import DIMENSIONS, UNKNOWN, Dimension, condition_slices
from tsebench.reports.slices.slices import aggregate_slices, dimensions_of, parts_of

BY_NAME = {dimension.name: dimension for dimension in DIMENSIONS}


def frame(values: list[float], system: str = "net", **columns: object) -> pd.DataFrame:
    """Rows of one system, a cluster for each trial; a NaN is a failed row."""
    n = len(values)
    defaults: dict[str, object] = {
        "system": system,
        "dataset": "set",
        "trial_id": [f"t{i:04d}" for i in range(n)],
        "condition": "FMQ",
        "n_active": 1,
        "n_inactive": 0,
        "cluster": [f"m{i:04d}" for i in range(n)],
        "metric": "snri",
        "value": values,
        "status": ["failed" if math.isnan(value) else "ok" for value in values],
        "reason": "",
        "weight": 1.0,
        "detail": "",
    }
    return pd.DataFrame({**defaults, **columns})


def counts(rows: pd.DataFrame, name: str) -> dict[str, int]:
    rows = coded(rows, rows.columns)  # as a leaderboard has them
    (dimension,) = (d for d in dimensions_of(rows) if d.name == name)
    return {part.slice.value: int(part.mask.sum()) for part in parts_of(rows, dimension)}


@pytest.mark.parametrize(
    ("name", "tag", "value"),
    [
        ("input_snr", "-10.1", "..-10"),
        ("input_snr", "-10.0", "-10..-5"),  # the low edge is in the bin
        ("input_snr", "-0.0", "0..5"),
        ("input_snr", "4.999", "0..5"),
        ("input_snr", "5", "5..10"),
        ("input_snr", "10", "10.."),
        ("overlap", "0.199", "..20"),
        ("overlap", "0.2", "20..40"),
        ("overlap", "1.0", "80.."),
        ("enrollment", "1.99", "..2"),
        ("enrollment", "5.0", "5..10"),
        ("enrollment", "45", "20.."),
        ("input_snr", "nan", UNKNOWN),
        ("input_snr", "loud", UNKNOWN),
        ("gender_pair", "FM", "FM"),
    ],
)
def test_a_value_falls_into_its_bin(name: str, tag: str, value: str) -> None:
    (found,) = BY_NAME[name].slices(tag)
    assert (found.name, found.value) == (name, value)


def test_bins_read_well() -> None:
    assert [part.text for part in BY_NAME["input_snr"].bins] == [
        "< −10 dB",
        "−10 to −5 dB",
        "−5 to 0 dB",
        "0 to 5 dB",
        "5 to 10 dB",
        "≥ 10 dB",
    ]
    assert BY_NAME["overlap"].bins[1].text == "20 to 40 %"


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda d: d.name)
def test_edges_rise_and_names_are_their_own(dimension: Dimension) -> None:
    assert list(dimension.edges) == sorted(set(dimension.edges))
    assert [d.name for d in DIMENSIONS].count(dimension.name) == 1


def test_bins_do_not_depend_on_the_data() -> None:
    few = frame([1.0, 2.0], tag_input_snr_db=["-7", "3"])
    many = frame([1.0] * 50, tag_input_snr_db=[str(x) for x in np.linspace(-20, 20, 50)])
    assert set(counts(few, "input_snr")) < set(counts(many, "input_snr"))


def test_every_row_is_in_exactly_one_slice_of_what_cannot_be_several() -> None:
    rows = frame(
        [1.0] * 6,
        tag_input_snr_db=["-20", "0", None, "4", "11", "-1"],
        tag_gender_pair=["FF", "FM", "MM", "FM", None, "FF"],
        tag_room=["a", "b", "b", "a", "a", "a"],
    )
    for dimension in dimensions_of(rows):
        parts = list(parts_of(rows, dimension))
        assert np.array_equal(np.sum([part.mask for part in parts], axis=0), np.ones(6))
    assert counts(rows, "gender_pair") == {"FF": 2, "FM": 2, "MM": 1, UNKNOWN: 1}
    assert counts(rows, "room") == {"a": 4, "b": 2}
    assert {dimension.name for dimension in dimensions_of(rows)} == {"input_snr", "gender_pair", "room"}


def test_a_target_of_two_classes_is_in_both() -> None:
    rows = frame([1.0, 2.0, 3.0], tag_class=["dog", "dog+cat", "cat"])
    assert counts(rows, "class") == {"cat": 2, "dog": 2}


def test_speakers_and_sources_are_one_dimension_and_numbers_are_in_order() -> None:
    rows = frame([1.0] * 4, tag_n_speakers=["2", "10", None, None], tag_n_sources=[None, None, "3", "2"])
    assert list(counts(rows, "n_sources").items()) == [("2", 2), ("3", 1), ("10", 1)]


def test_what_does_not_cut_a_set_is_not_offered() -> None:
    one = frame([1.0, 2.0], tag_noise=["wham", "wham"])
    other = frame([1.0, 2.0], tag_noise=["none", "none"], dataset="other")
    assert dimensions_of(pd.concat([one, other])) == ()


def test_a_tag_with_many_values_is_not_offered_but_many_classes_are() -> None:
    names = [f"v{i}" for i in range(21)]
    rows = frame([1.0] * 21, tag_file=names, tag_class=names)
    assert [dimension.name for dimension in dimensions_of(rows)] == ["class"]
    rows = frame([1.0] * 20, tag_file=names[:20])
    assert [dimension.name for dimension in dimensions_of(rows)] == ["file"]


def test_the_name_of_a_target_is_offered_where_it_is_no_class() -> None:
    rows = frame([1.0, 2.0], tag_target=["ann", "bob"], tag_class=[None, None])
    assert [dimension.name for dimension in dimensions_of(rows)] == ["target"]
    rows = frame([1.0, 2.0], tag_target=["dog", "cat"], tag_class=["dog", "cat"])
    assert [dimension.name for dimension in dimensions_of(rows)] == ["class"]


def test_a_tag_called_like_a_dimension_is_another_dimension() -> None:
    rows = frame([1.0, 2.0], tag_enrollment=["other", "same_file"], tag_enrollment_s=["1", "9"])
    assert [d.name for d in dimensions_of(rows)] == ["enrollment", "tag_enrollment"]


def test_means_of_slices_are_known_and_strata_stay_apart() -> None:
    snr = ["-7", "-6", "3", "4"]
    easy = frame([1.0, 3.0, 5.0, 9.0], tag_input_snr_db=snr)
    hard = frame([10.0, 30.0, 50.0, 90.0], tag_input_snr_db=snr, condition="PMQ", n_inactive=3)
    hard["trial_id"] += "p"
    # A stratum with a single slice has nothing to show.
    whole = frame([7.0, 8.0], tag_input_snr_db=["1", "2"], condition="PMQ", n_inactive=1)
    whole["trial_id"] += "q"
    cells = aggregate_slices(pd.concat([easy, hard, whole]), resamples=50)
    assert [(c.cell.condition, c.slice.value, c.cell.n, c.cell.mean) for c in cells] == [
        ("FMQ 1:0", "-10..-5", 2, 2.0),
        ("FMQ 1:0", "0..5", 2, 7.0),
        ("PMQ 1:3", "-10..-5", 2, 20.0),
        ("PMQ 1:3", "0..5", 2, 70.0),
    ]
    assert cells[0].cell.ci_low <= 2.0 <= cells[0].cell.ci_high


def test_failed_trials_are_counted_in_their_slice() -> None:
    rows = frame([1.0, math.nan, 5.0, 9.0], tag_gender_pair=["FF", "FF", "MM", "MM"])
    cells = aggregate_slices(rows, resamples=50)
    assert [(c.slice.value, c.cell.n, c.cell.n_failed) for c in cells] == [("FF", 1, 1), ("MM", 2, 0)]


def test_a_pooled_metric_is_pooled_in_its_slice() -> None:
    """Two hits and two false alarms of one class in one slice: F1 is 2/3, not the mean of 1, 0."""
    right = decisions(["dog"], [0.9], ["dog"], 0.5)
    wrong = decisions(["dog"], [0.9], [], 0.5)
    rows = frame([1.0, 0.0, 1.0], metric="micro_f1", detail=[right, wrong, right], tag_gender_pair=["FF", "FF", "MM"])
    first, second = aggregate_slices(rows, resamples=50)
    assert first.cell.mean == pytest.approx(2 / 3)
    assert second.cell.mean == pytest.approx(1.0)


def test_a_stratum_is_in_the_slice_of_its_kind_and_of_its_own() -> None:
    assert [str(part) for part in condition_slices("PMQ 1:3")] == ["condition=PMQ", "condition=PMQ 1:3"]


def untidy(rng: np.random.Generator) -> pd.DataFrame:
    """Two systems, three strata, two metrics, failed, undefined and floored trials, any order."""
    rows = []
    for system in ("net", "old"):
        for n_inactive, condition in ((0, "FMQ"), (1, "PMQ"), (3, "PMQ")):
            for metric in ("snri", "wer"):
                made = frame(list(rng.normal(size=30)), system, metric=metric, condition=condition)
                made["n_inactive"] = n_inactive
                made["trial_id"] += f"{condition}{n_inactive}"
                made["cluster"] = [f"m{i // 3}" for i in range(30)]
                made["weight"] = rng.integers(1, 9, size=30).astype(float)
                rows.append(made)
    found = pd.concat(rows, ignore_index=True)
    lost = rng.choice(["failed", "undefined", "ok"], size=len(found), p=[0.05, 0.1, 0.85])
    found["status"] = lost
    found.loc[lost != "ok", "value"] = math.nan
    found.loc[lost == "undefined", "reason"] = rng.choice(
        ["absent_target", "too_short"], size=int((lost == "undefined").sum())
    )
    found.loc[(lost == "ok") & (rng.random(len(found)) < 0.1), "reason"] = "trimmed;floored"
    return found.sample(frac=1.0, random_state=int(rng.integers(1000)))


@pytest.mark.parametrize("seed", range(3))
def test_aggregates_of_parts_are_those_of_their_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = untidy(rng)
    masks = [rng.random(len(rows)) < share for share in (0.0, 0.02, 0.5, 1.0)]

    def line(cell: Aggregate) -> tuple[object, ...]:
        counts = (cell.n, cell.n_undefined, cell.n_inapplicable, cell.n_failed, cell.n_floored)
        return (cell.dataset, cell.condition, cell.system, cell.metric, *counts)

    def numbers(cell: Aggregate) -> list[float]:
        return [cell.mean, cell.trial_mean, cell.median, cell.ci_low, cell.ci_high]

    for mask, found in zip(masks, aggregate_parts(rows, masks, resamples=50), strict=True):
        wanted = aggregate(rows[mask], resamples=50) if mask.any() else []
        ours, theirs = sorted(found, key=line), sorted(wanted, key=line)
        assert [line(cell) for cell in ours] == [line(cell) for cell in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert numbers(one) == pytest.approx(numbers(other), abs=1e-12, nan_ok=True)
