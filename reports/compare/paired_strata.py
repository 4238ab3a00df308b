"""Paired trials of two runs, one stratum at a time, as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...bench.metrics.protocol import MetricInfo
from ...bench.score_row import TAG_PREFIX
from ...bench.statistics.aggregate import INAPPLICABLE, TEXTS, condition_key, with_condition_labels
from ...bench.statistics.comparison import family_flips
from ...bench.statistics.paired import Draws, Found, pooled_difference, summed_differences
from ...bench.statistics.pooling import MEAN, Pooling, pooling_named
from ...bench.statistics.resampling import FloatArray, cluster_sums
from ...bench.statistics.sign_flips import FLIPS
from ...bench.text_columns import alike, coded, distinct
from ..leaderboard.metric_facts import metric_facts
from ..leaderboard.ranking import phase_lacking
from .matched_runs import Matched, SystemPair
from .result import Coverage

Mask = NDArray[np.bool_]
_FIRST = 3  # trial ids that are named
_COLUMNS = ["value", "status", "reason", "weight", "detail"]
_OF_CELLS = ["system", "metric", "trial_id", *_COLUMNS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """Resampling of differences: coverage of the intervals, number of draws, seed."""

    level: float = 0.95
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDifference:
    """A difference before it is corrected for others.

    Attributes:
        base: value of the paired trials.
        candidate: likewise.
        n_changed: clusters with a paired trial whose value is another.
    """

    base: float
    candidate: float
    found: Found
    coverage: Coverage
    n_changed: int


@dataclass(frozen=True, slots=True)
class MeanSums:
    """Means of both systems over their n paired trials, and sums over clusters [K, 2] of differences and weights."""

    base: float
    candidate: float
    sums: FloatArray
    n: int


@dataclass(frozen=True, eq=False, kw_only=True)
class PairedStratum:
    """One metric of one pair of systems in one stratum: N trials of either run.

    Attributes:
        trials: [N] ids, sorted; with cluster and tags.
        clusters: [N] numbers of the clusters, in the order of their names.
        base: [N] rows of the base system, NaN where it has none.
        candidate: likewise.
        facts: of the metric; without a direction where the phase of a system is generated and the metric needs it.
        unjudged: why it has no direction there, in words; "" elsewhere.
    """

    pair: SystemPair
    dataset: str
    condition: str
    facts: MetricInfo
    unjudged: str = ""
    trials: pd.DataFrame = field(repr=False)
    clusters: NDArray[np.int64] = field(repr=False)
    base: pd.DataFrame = field(repr=False)
    candidate: pd.DataFrame = field(repr=False)

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self.facts.name

    @property
    def pooling(self) -> Pooling:
        """Pooling of the metric's values."""
        return pooling_named(self.facts.pooling)

    def everything(self) -> Mask:
        """[N], all true."""
        return np.ones(len(self.trials), np.bool_)

    def counted(self) -> tuple[Mask, Mask]:
        """[N] each: trials with a value in the base, and in the candidate."""
        return self._counts

    @cached_property
    def _paired(self) -> Mask:
        """[N]: trials with a value in both."""
        return np.logical_and(*self._counts)

    @cached_property
    def _lone(self) -> Mask:
        """[N]: trials with a value in one run only, that the metric applies to."""
        return np.logical_xor(*self._counts) & ~self.inapplicable

    @cached_property
    def _counts(self) -> tuple[Mask, Mask]:
        return self._counted(self.base), self._counted(self.candidate)

    @cached_property
    def inapplicable(self) -> Mask:
        """[N]: trials that the metric does not apply to, in all runs that have them."""
        aside = [_aside(side) | side["status"].isna().to_numpy() for side in self._sides]
        known = [side["status"].notna().to_numpy() for side in self._sides]
        return np.asarray(aside[0] & aside[1] & (known[0] | known[1]), np.bool_)

    def coverage(self, mask: Mask) -> Coverage:
        """Numbers of trials of a part by the runs that have a value."""
        applies = int(np.count_nonzero(mask & ~self.inapplicable))
        paired = int(np.count_nonzero(mask & self._paired & ~self.inapplicable))
        lone = np.flatnonzero(mask & self._lone)
        ours = int(np.count_nonzero(self._counts[0][lone]))
        return Coverage(
            paired=paired,
            base_only=ours,
            candidate_only=len(lone) - ours,
            neither=applies - paired - len(lone),
            first=tuple(map(str, self.trials.index[lone[:_FIRST]])),
        )

    def unchanged(self, mask: Mask) -> bool:
        """Whether values, statuses and decisions of a part are all equal."""
        return bool(self._same[mask].all())

    @cached_property
    def _same(self) -> Mask:
        """[N]: trials with the same value, status and decisions; none where a system has no rows at all."""
        same = np.ones(len(self.trials), np.bool_)
        for name in ("value", "status", "detail"):
            ours, theirs = (side[name] for side in self._sides)
            if ours.dtype != theirs.dtype:
                return np.zeros(len(same), np.bool_)
            same &= ~_differ(ours, theirs)
        return same

    def measure(self, mask: Mask, settings: Resampling, *, family: int = 1) -> MeasuredDifference:
        """Values of both on the paired trials of a part, and their difference.

        The p-value will be corrected for a family of that many comparisons. Of values that are no means, the first
        draws mostly do: where they give the smallest p-value that they can, and the family needs smaller ones, more are
        drawn. The second p-value stands by itself: the level holds.
        """
        needed = family_flips(family)
        if self.pooling is MEAN:
            return self._measure(mask, settings, needed)
        first = self._measure(mask, settings, FLIPS)
        if needed > FLIPS and first.found.p_value <= 1.0 / (1 + FLIPS):
            return self._measure(mask, settings, needed)
        return first

    def _measure(self, mask: Mask, settings: Resampling, flips: int) -> MeasuredDifference:
        names = (settings.seed, self.dataset, self.condition, self.metric)
        draws = Draws(names, settings.level, settings.resamples, flips)
        both = mask & self._paired
        measure = self._means if self.pooling is MEAN else self._pooled
        base, candidate, found = measure(both, draws)
        return self.measured(mask, base, candidate, found)

    def measured(self, mask: Mask, base: float, candidate: float, found: Found) -> MeasuredDifference:
        """The difference of a part with the counts that belong to it."""
        n_changed = int(np.count_nonzero(np.bincount(self.clusters[mask & self._paired & self._other])))
        return MeasuredDifference(
            base=base, candidate=candidate, found=found, coverage=self.coverage(mask), n_changed=n_changed
        )

    @cached_property
    def _other(self) -> Mask:
        """[N]: trials of which the value, or a decision on a class, is another."""
        compared = ["value", "detail"] if self.pooling is not MEAN else ["value"]
        other = np.zeros(len(self.trials), np.bool_)
        for name in compared:
            other |= _differ(*(side[name] for side in self._sides))
        return other

    @cached_property
    def _numbers(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """[N] each: values of the base and the candidate, and weights.

        A weight belongs to the trial (the words of its reference): both runs have the same.
        """
        base, candidate = (side["value"].to_numpy(np.float64) for side in self._sides)
        return base, candidate, self.base["weight"].to_numpy(np.float64)

    @property
    def _sides(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return self.base, self.candidate

    def _counted(self, side: pd.DataFrame) -> Mask:
        there = side["status"].notna().to_numpy()
        counted = np.zeros(len(side), np.bool_)
        counted[there] = self.pooling.counted(side[there])
        return counted

    def mean_sums(self, mask: Mask) -> MeanSums:
        """Sums over the clusters of the paired trials of a part, of a metric whose values are averaged."""
        both = mask & self._paired
        base, candidate, weights = (numbers[both] for numbers in self._numbers)
        own = self.clusters[both]
        present = np.bincount(own) > 0
        codes = (np.cumsum(present) - 1)[own]
        with np.errstate(invalid="ignore"):  # two infinite values have no difference
            summands = np.stack([(candidate - base) * weights, weights], axis=1)
            values = [_ratio(side, weights) for side in (base, candidate)]
        sums = cluster_sums(summands, codes, int(present.sum()))
        return MeanSums(values[0], values[1], sums, int(both.sum()))

    def _means(self, both: Mask, draws: Draws) -> tuple[float, float, Found]:
        own = self.mean_sums(both)
        (found,) = summed_differences(own.sums[:, :1], own.sums[:, 1:], np.array([float(own.n)]), draws)
        return own.base, own.candidate, found

    def _pooled(self, both: Mask, draws: Draws) -> tuple[float, float, Found]:
        parts = [
            side[both].assign(system=name, trial_id=self.trials.index[both], cluster=self.trials["cluster"][both])
            for name, side in zip(("candidate", "base"), self._sides[::-1], strict=True)
        ]
        rows = pd.concat(parts)
        found = pooled_difference(rows, ("candidate", "base"), self.pooling, draws)
        names = self.pooling.names(rows) if len(rows) else ()
        candidate, base = (
            float(self.pooling.value(self.pooling.summands(part, names).sum(axis=0))) if len(part) else math.nan
            for part in parts
        )
        return base, candidate, found


def cells_of(matched: Matched) -> Iterator[PairedStratum]:
    """The cells of two runs, by dataset, stratum, pair and metric; empty ones are left out."""
    shared = [side.rows[side.rows["dataset"].isin(matched.datasets)] for side in (matched.base, matched.candidate)]
    sides = alike([with_condition_labels(coded(rows, TEXTS)) for rows in shared])
    strata = {key for side in sides for key in _strata(side)}
    for dataset, condition in sorted(strata, key=lambda s: (s[0], condition_key(s[1]))):
        own = [_within(side, dataset, condition) for side in sides]
        yield from _cells(matched, dataset, condition, own)


def _strata(rows: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = distinct(rows, ["dataset", "condition"]).itertuples(index=False)
    return [(str(dataset), str(condition)) for dataset, condition in pairs]


def _within(rows: pd.DataFrame, dataset: str, condition: str) -> pd.DataFrame:
    """The rows of one stratum."""
    inside = ((rows["dataset"] == dataset) & (rows["condition"] == condition)).to_numpy()
    return rows if inside.all() else rows[inside]


def _cells(matched: Matched, dataset: str, condition: str, sides: Sequence[pd.DataFrame]) -> Iterator[PairedStratum]:
    """The cells of one stratum; `sides` are its rows in the base and the candidate run."""
    runs = (matched.candidate.facts, matched.base.facts)
    trials = _trials(sides)
    clusters = pd.factorize(trials["cluster"].to_numpy(), sort=True)[0].astype(np.int64)
    metrics = [(name, metric_facts(name, runs)) for in_dataset, name in matched.metrics if in_dataset == dataset]
    groups = [
        {(str(s), str(m)): own for (s, m), own in side[_OF_CELLS].groupby(["system", "metric"], observed=True)}
        for side in sides
    ]
    for pair in matched.pairs:
        for metric, facts in metrics:
            names = (pair.base, pair.candidate)
            found = [group.get((name, metric)) for group, name in zip(groups, names, strict=True)]
            unjudged = _unjudged(matched, pair, facts)
            cell = PairedStratum(
                pair=pair,
                dataset=dataset,
                condition=condition,
                facts=replace(facts, higher_is_better=None) if unjudged else facts,
                unjudged=unjudged,
                trials=trials,
                clusters=clusters,
                base=_aligned(found[0], trials),
                candidate=_aligned(found[1], trials),
            )
            if not cell.inapplicable.all() and any(part is not None for part in found):
                yield cell


def _unjudged(matched: Matched, pair: SystemPair, metric: MetricInfo) -> str:
    """Why a metric does not say which of two systems is better."""
    sides = ((matched.base, pair.base), (matched.candidate, pair.candidate))
    known = [facts for side, title in sides if (facts := side.facts.systems.get(title)) is not None]
    return next(filter(None, (phase_lacking(facts, metric) for facts in known)), "")


def _trials(sides: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Cluster and tags of every trial of either run; the candidate's, else the base's."""
    facts = []
    for rows in reversed(sides):
        tags = [name for name in rows.columns if name.startswith(TAG_PREFIX)]
        names = ["trial_id", "dataset", "cluster", *tags]
        # One row for each trial where its rows agree; else the first value: some rows may hold fewer tags than others.
        different = distinct(rows, names).astype(object)
        facts.append(different.groupby("trial_id").first() if len(different) else different.set_index("trial_id"))
    return facts[0].combine_first(facts[1]).sort_index()


def _aligned(rows: pd.DataFrame | None, trials: pd.DataFrame) -> pd.DataFrame:
    if rows is None:
        return pd.DataFrame(np.nan, index=trials.index, columns=_COLUMNS, dtype=object).astype(
            {"value": np.float64, "weight": np.float64}
        )
    ids = rows["trial_id"].cat
    places = trials.index.get_indexer(ids.categories)[ids.codes]
    if len(rows) == len(trials) and (np.diff(places) == 1).all():
        return rows[_COLUMNS].set_axis(trials.index)
    lines = np.full(len(trials), -1, np.int64)
    lines[places] = np.arange(len(rows))
    found = rows[_COLUMNS].reset_index(drop=True).reindex(lines)
    return found.set_axis(trials.index)


def _aside(side: pd.DataFrame) -> Mask:
    undefined = (side["status"] == "undefined").fillna(False).to_numpy(np.bool_)
    return undefined & side["reason"].isin(INAPPLICABLE).to_numpy(np.bool_) if undefined.any() else undefined


def _differ(ours: pd.Series, theirs: pd.Series) -> Mask:
    """[N]: whether two columns differ; two missing values are equal."""
    return np.asarray((ours.ne(theirs) & ~(ours.isna() & theirs.isna())).to_numpy(np.bool_), np.bool_)


def _ratio(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float((values * weights).sum() / weights.sum()) if len(values) else math.nan
