"""Coverage of 95 % intervals of a mean over clusters: which bootstrap covers best.

python tests/benchmarks/intervals.py             prints the table
python tests/benchmarks/intervals.py --write     and puts it in docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping

import numpy as np
from common import put_section
from numpy.typing import NDArray
from scipy import special

from tsebench.bench.statistics.resampling import expanded_intervals, resampled_sums
from tsebench.bench.statistics.studentised import moments, studentised_interval
from tsebench.doctor.speed.page import table

Array = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 1000
SIMULATIONS = 600
CLUSTERS = (20, 50, 200)
DISTRIBUTIONS: Mapping[str, tuple[Callable[[np.random.Generator, int], Array], float]] = {
    "normal": (lambda rng, count: rng.standard_normal(count), 0.0),
    "exponential": (lambda rng, count: rng.exponential(size=count), 1.0),
    "lognormal": (lambda rng, count: rng.lognormal(size=count), math.exp(0.5)),
}
METHODS = ("percentile", "expanded percentile", "BCa", "bootstrap-t")


def ends(values: Array, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Intervals of the mean of K values by each method, from the same draws."""
    sums = np.stack([values, np.ones_like(values)], axis=1)
    drawn = resampled_sums(moments(sums), resamples=RESAMPLES, rng=rng)
    means = values.mean() + drawn[:, 1] / drawn[:, 0]
    tail = (1 - LEVEL) / 2
    wide = expanded_intervals(means[:, None], n_clusters=len(values), level=LEVEL)[:, 0]
    found = [np.quantile(means, [tail, 1 - tail]), wide, _bca(values, means, tail)]
    return {
        **{name: (float(low), float(high)) for name, (low, high) in zip(METHODS[:3], found, strict=True)},
        "bootstrap-t": studentised_interval(sums, drawn, level=LEVEL),
    }


def _bca(values: Array, means: Array, tail: float) -> Array:
    """Bias-corrected and accelerated ends (Efron 1987); the acceleration by the jackknife."""
    below = np.mean(means < values.mean()) + 0.5 * np.mean(means == values.mean())
    bias = special.ndtri(np.clip(below, 1e-6, 1 - 1e-6))
    rest = values - values.mean()
    acceleration = float((rest**3).sum() / (6 * (rest**2).sum() ** 1.5))
    normal = bias + special.ndtri(np.array([tail, 1 - tail]))
    return np.asarray(np.quantile(means, special.ndtr(bias + normal / (1 - acceleration * normal))), np.float64)


def coverage(distribution: str, clusters: int, *, simulations: int = SIMULATIONS, seed: int = 1) -> dict[str, float]:
    """Share of intervals that hold the true mean, in percent, by method."""
    rng = np.random.default_rng(seed)
    draw, true = DISTRIBUTIONS[distribution]
    hits = dict.fromkeys(METHODS, 0)
    for _ in range(simulations):
        for name, (low, high) in ends(draw(rng, clusters), rng).items():
            hits[name] += low <= true <= high
    return {name: 100 * count / simulations for name, count in hits.items()}


def section() -> str:
    """The table for the page."""
    rows = []
    for clusters in CLUSTERS:
        for name in DISTRIBUTIONS:
            found = coverage(name, clusters)
            rows.append([f"{clusters} {name}", *(f"{found[method]:.1f}" for method in METHODS)])
    return (
        "## Coverage of intervals\n\nHow often a 95 % interval of a mean over clusters holds the true mean, in "
        f"percent: {SIMULATIONS} simulations a cell (standard error 0.9 points at 95 %), {RESAMPLES} draws each, all "
        "methods with the same draws; by `python tests/benchmarks/intervals.py --write`. Leaderboards use bootstrap-t; "
        "differences of two systems keep the expanded percentile, see `bench/statistics/resampling.py`.\n\n"
        + table(["clusters", *METHODS], rows)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    options = parser.parse_args()
    text = section()
    print(text)
    if options.write:
        put_section(text)


if __name__ == "__main__":
    main()
