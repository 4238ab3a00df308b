"""Ratings of listeners: a mean over trials and listeners, with intervals that resample both.

Listeners and trials are crossed: every listener rates many trials, and every trial is rated by many listeners, so that
ratings share the habits of a listener and the difficulty of a trial. The pigeonhole bootstrap (Owen 2007, "The
pigeonhole bootstrap", Annals of Applied Statistics 1(2)) draws listeners and trials independently, with replacement:
its variance is that of the crossed random effects, and a little above it. Drawing trials alone would claim that another
panel of listeners gives the same mean.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.errors import DatasetError, shortened
from ...core.json_text import parse_json
from .resampling import FloatArray, expanded_intervals
from .sum_ratio import SumRatio

_BLOCK = 200


@dataclass(frozen=True, slots=True)
class ListenerMean(SumRatio):
    """The mean of all ratings; the `detail` of a row has them by listener."""

    def summands(self, rows: pd.DataFrame, names: Sequence[str]) -> FloatArray:  # noqa: ARG002
        """[N, 2]: sum of the ratings of each trial, and their number."""
        each = [list(ratings_of(text).values()) for text in rows["detail"]]
        return np.array([(math.fsum(values), len(values)) for values in each], np.float64).reshape(len(rows), 2)


def ratings_text(ratings: Mapping[str, float]) -> str:
    """The `detail` of a row."""
    return json.dumps(dict(sorted(ratings.items())), separators=(",", ":"))


def ratings_of(text: str) -> dict[str, float]:
    """Ratings by listener.

    Raises:
        DatasetError: the text holds none.
    """
    try:
        found = parse_json(text, finite=True)
        if isinstance(found, dict) and found:
            return {str(name): float(value) for name, value in found.items()}
    except (ValueError, TypeError):
        pass
    problem = f"a row's `detail` holds no ratings of listeners: {shortened(text, 80)!r}"
    raise DatasetError(f"{problem}; import the answers again")


def listener_interval(
    rows: pd.DataFrame, *, level: float, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Interval of the mean of all ratings of some rows; NaN with fewer than two clusters or two listeners.

    Args:
        rows: of one system, one for each trial; trials of one `cluster` are drawn together.
        level: coverage, in (0, 1).
        resamples: number of draws.
        rng: source of the draws.
    """
    totals, counts = _by_cluster(rows)
    clusters, listeners = totals.shape
    if min(clusters, listeners) < 2:
        return math.nan, math.nan
    values = np.empty(resamples)
    for start in range(0, resamples, _BLOCK):
        size = min(_BLOCK, resamples - start)
        of_clusters, of_listeners = _draws(clusters, size, rng), _draws(listeners, size, rng)
        sums = np.einsum("rk,kl,rl->r", of_clusters, totals, of_listeners, optimize=True)
        numbers = np.einsum("rk,kl,rl->r", of_clusters, counts, of_listeners, optimize=True)
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw may hold no rating at all
            values[start : start + size] = sums / numbers
    low, high = expanded_intervals(values[:, None], n_clusters=min(clusters, listeners), level=level)[:, 0]
    return float(low), float(high)


def _by_cluster(rows: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Sums and numbers of ratings [clusters, listeners]."""
    each = [ratings_of(text) for text in rows["detail"]]
    names = {name: place for place, name in enumerate(sorted({name for ratings in each for name in ratings}))}
    codes, clusters = pd.factorize(rows["cluster"], sort=True)
    totals, counts = (np.zeros((len(clusters), len(names))) for _ in range(2))
    for code, ratings in zip(codes, each, strict=True):
        for name, value in ratings.items():
            totals[code, names[name]] += value
            counts[code, names[name]] += 1.0
    return totals, counts


def _draws(count: int, resamples: int, rng: np.random.Generator) -> FloatArray:
    """How often each of `count` is drawn [resamples, count]."""
    return rng.multinomial(count, np.full(count, 1.0 / count), size=resamples).astype(np.float64)
