"""Intervals of ratings cover the truth when listeners are drawn too, and not when trials alone are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tsebench.bench.statistics.aggregate import aggregate
from tsebench.bench.statistics.listeners import ListenerMean, listener_interval, ratings_of, ratings_text
from tsebench.core.errors import DatasetError

TRUTH = 60.0


def panel(rng: np.random.Generator, *, trials: int = 12, listeners: int = 10) -> pd.DataFrame:
    """Ratings with an effect of each trial (sd 6), of each listener (sd 8) and noise (sd 5)."""
    values = TRUTH + 6.0 * rng.standard_normal((trials, 1)) + 8.0 * rng.standard_normal((1, listeners))
    values = values + 5.0 * rng.standard_normal((trials, listeners))
    texts = [ratings_text({f"l{k}": float(x) for k, x in enumerate(row)}) for row in values]
    names = [f"t{place:02d}" for place in range(trials)]
    return pd.DataFrame({"trial_id": names, "cluster": names, "detail": texts, "value": values.mean(axis=1)})


def test_intervals_over_listeners_and_trials_cover_the_truth() -> None:
    """Another panel has another mean. The limit is what chance leaves of 95 %: less is seen once in 1000 times."""
    rng = np.random.default_rng(7)
    both = alone = 0
    repeats = 100
    least = stats.binom.ppf(0.001, repeats, 0.95)
    for _ in range(repeats):
        rows = panel(rng)
        low, high = listener_interval(rows, level=0.95, resamples=200, rng=rng)
        both += low <= TRUTH <= high
        error = rows["value"].std(ddof=1) / np.sqrt(len(rows))
        alone += abs(rows["value"].mean() - TRUTH) <= 2.2 * error
    assert alone < least <= both


@pytest.mark.long
def test_the_width_is_that_of_both_variances() -> None:
    """Closed form: variance of the mean is 36/T + 64/L + 25/(TL)."""
    rng = np.random.default_rng(1)
    widths = []
    for _ in range(20):
        low, high = listener_interval(panel(rng, trials=40, listeners=40), level=0.95, resamples=400, rng=rng)
        widths.append((high - low) / (2 * 1.96))
    expected = np.sqrt(36 / 40 + 64 / 40 + 25 / 1600)
    assert np.mean(widths) == pytest.approx(expected, rel=0.1)


def test_aggregates_pool_all_ratings_and_use_the_interval() -> None:
    rows = panel(np.random.default_rng(3), trials=5, listeners=4)
    rows.loc[0, "detail"] = ratings_text({"l0": 10.0})  # one listener alone
    given = {"system": "net", "dataset": "set", "condition": "FMQ", "n_active": 1, "n_inactive": 0}
    fixed = {"metric": "mushra", "status": "ok", "reason": "", "weight": 1.0, "pooling": "listeners"}
    rows = rows.assign(**given, **fixed)
    (cell,) = aggregate(rows, resamples=200)
    every = [value for text in rows["detail"] for value in ratings_of(text).values()]
    assert len(every) == 17
    assert cell.mean == pytest.approx(np.mean(every))
    assert cell.ci_low < cell.mean < cell.ci_high
    (alone,) = aggregate(rows.assign(detail=[ratings_text({"l0": 50.0 + k}) for k in range(5)]), resamples=200)
    assert np.isnan(alone.ci_low)  # of one listener there is no interval


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": "b"}', '{"a": NaN}', "nonsense"])
def test_what_is_no_ratings_is_one_line(text: str) -> None:
    with pytest.raises(DatasetError, match="holds no ratings of listeners"):
        ListenerMean().summands(pd.DataFrame({"detail": [text]}), ())
