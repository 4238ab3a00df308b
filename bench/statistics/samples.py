"""Several samples of one trial as one value, and the spread between them.

A system that draws its answers gives K of them, with K seeds. The value of a trial is the mean over its samples, and
all that aggregates, compares, ranks or shows rows takes it from here. The best of K is never a value: it takes the
reference to know which is best. With each mean goes the standard deviation of the K means that the single samples have
over all trials: how far the number moves with other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..score_row import NEAREST, SAMPLE, TAG_PREFIX
from .pooling import MEAN, Pooling, decisions_of_samples, joined_decisions, pooling_of
from .resampling import FloatArray

SAMPLES = "samples"
"""Column of `one_per_trial`: number of samples that a row is the mean of; missing in one that is no mean."""
VALUES = "sample_values"
"""Column of `one_per_trial`: values of these samples as a tuple."""

_KEY = ["run_id", "system", "dataset", "trial_id", "metric", "signature"]
_NEAREST = TAG_PREFIX + NEAREST


def one_per_trial(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with one for each trial and metric, and without the column `sample`.

    Value and weight of a trial are means over its samples, so that pooled rates are those of all edits over all words.
    Decisions on classes are joined and pool as means; other details, such as a transcript, are those of the first
    sample. A trial with a failed sample has failed, and one with an undefined sample is undefined, since a mean over
    the others would be a choice among them; the reason says how many. Samples that an unfinished run still lacks are
    left out of the mean. The tag `nearest` is that of most samples, and "other" at a draw.

    Rows without the column, or of first samples alone, are no means and stay as they are.

    Args:
        rows: as `read_rows` gives them, or as this function does.
    """
    if SAMPLE not in rows:
        return rows
    if not rows[SAMPLE].any():
        return rows.drop(columns=SAMPLE)
    keys = [name for name in _KEY if name in rows]
    several = rows.groupby(keys, sort=False)[SAMPLE].transform("max") > 0
    joined = _joined(rows[several].sort_values([*keys, SAMPLE], kind="stable", ignore_index=True), keys)
    found = pd.concat([rows[~several].drop(columns=SAMPLE), joined], ignore_index=True)
    return found.sort_values(["system", "dataset", "trial_id", "metric"], kind="stable", ignore_index=True)


def seed_spread(rows: pd.DataFrame, pooling: Pooling) -> tuple[int, float]:
    """Number of samples, and the standard deviation (over K − 1) of their K values over all trials.

    Trials that lack a sample do not count. NaN for one sample, or where a value does not exist.

    Args:
        rows: of one system, stratum and metric, as `one_per_trial` gives them; those that count.
        pooling: of the metric.
    """
    count = int(rows[SAMPLES].fillna(1).max()) if SAMPLES in rows and len(rows) else 1
    if count == 1:
        return 1, math.nan
    whole = rows[rows[SAMPLES] == count]
    names = pooling.names(whole)
    means = [pooling.value(pooling.summands(part, names).sum(axis=0)) for part in _samples(whole, count, pooling)]
    with np.errstate(invalid="ignore"):  # infinite means have no spread
        return count, float(np.std(np.array(means), ddof=1))


def _samples(rows: pd.DataFrame, count: int, pooling: Pooling) -> Iterator[pd.DataFrame]:
    """The rows of each sample."""
    values = np.array(rows[VALUES].tolist(), np.float64).reshape(len(rows), count)
    for place in range(count):
        found = rows.assign(value=values[:, place])
        if pooling is not MEAN:
            found["detail"] = [decisions_of_samples(joined)[place] for joined in rows["detail"]]
        yield found


def _joined(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row for each trial and metric, from sorted rows of several samples."""
    codes: NDArray[np.int64] = np.asarray(rows.groupby(keys, sort=False).ngroup(), np.int64)
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    groups = np.split(np.arange(len(rows)), starts[1:])
    status = _statuses(rows["status"].to_numpy(np.str_), codes, len(groups))
    values, weights = _means(rows, codes, len(groups))
    found = rows.iloc[starts].drop(columns=SAMPLE)
    reasons, every = rows["reason"].to_numpy(object), rows["status"].to_numpy(object)
    clash = (status == "ok") & np.isnan(values)  # infinite values of both signs
    status = np.where(clash, "failed", status)
    found["value"] = np.where(status == "ok", values, np.nan)
    found["weight"] = weights
    found["status"] = status.astype(object)
    found["reason"] = [_reason(str(s), every[group], reasons[group]) for s, group in zip(status, groups, strict=True)]
    found["detail"] = _details(rows, groups)
    found[SAMPLES] = [len(group) for group in groups]
    found[VALUES] = _tuples(rows, groups)
    if _NEAREST in rows:
        tags = rows[_NEAREST].to_numpy(object)
        found[_NEAREST] = np.array([_most(tags[group]) for group in groups], object)
    return found


def _statuses(status: NDArray[np.str_], codes: NDArray[np.int64], count: int) -> NDArray[np.str_]:
    """Status of each trial: the worst of its samples."""
    failed, undefined = (np.bincount(codes[status == name], minlength=count) > 0 for name in ("failed", "undefined"))
    return np.where(failed, "failed", np.where(undefined, "undefined", "ok"))


def _means(rows: pd.DataFrame, codes: NDArray[np.int64], count: int) -> tuple[FloatArray, FloatArray]:
    """Weighted mean of the values, and mean of the weights, of each trial; plain means where all weights are zero."""
    values, weights = rows["value"].to_numpy(np.float64), rows["weight"].to_numpy(np.float64)
    number = np.bincount(codes, minlength=count)
    totals = np.bincount(codes, weights=weights, minlength=count)
    shares = np.where(totals[codes] > 0, weights, 1.0) / np.where(totals > 0, totals, number)[codes]
    with np.errstate(invalid="ignore"):
        means = np.bincount(codes, weights=values * shares, minlength=count)
    return np.asarray(means, np.float64), np.asarray(totals / number, np.float64)


def _reason(status: str, statuses: NDArray[np.object_], reasons: NDArray[np.object_]) -> str:
    """Reason of a trial: the common one, the first of the samples that are to blame, or all notes on good ones."""
    if status == "ok":
        notes = [note for reason in reasons for note in str(reason).split(";") if note]
        return ";".join(dict.fromkeys(notes))
    blamed = [str(reason) for reason, own in zip(reasons, statuses, strict=True) if own == status]
    if not blamed:
        return "infinite_samples"
    if len(blamed) == len(reasons) and len(set(blamed)) == 1:
        return blamed[0]
    return f"samples: {len(blamed)} of {len(reasons)} {status}: {blamed[0]}"


def _details(rows: pd.DataFrame, groups: Sequence[NDArray[np.int64]]) -> list[str]:
    texts, metrics = rows["detail"].to_numpy(object), rows["metric"].to_numpy(object)
    pooled = {name: pooling_of(part, str(name)) is not MEAN for name, part in rows.groupby("metric")}
    return [
        joined_decisions(texts[group]) if pooled[metrics[group[0]]] and all(texts[group]) else str(texts[group[0]])
        for group in groups
    ]


def _tuples(rows: pd.DataFrame, groups: Sequence[NDArray[np.int64]]) -> list[tuple[float, ...]]:
    values = rows["value"].to_numpy(np.float64)
    return [tuple(map(float, values[group])) for group in groups]


def _most(tags: NDArray[np.object_]) -> object:
    """The most frequent of some tags; the alphabetically first at a draw, and missing ones do not count."""
    there = sorted(str(tag) for tag in tags if isinstance(tag, str))
    return max(dict.fromkeys(there), key=there.count) if there else None
