"""Verdicts on a paper's orderings in a run, by paired differences.

An ordering holds if the whole interval of the paired difference is on the paper's side of zero, fails if it is wholly
on the other side, and is undecided if zero lies within. It is undecided, too, if its p-value, corrected (Holm) for all
orderings of the table, is not below `ALPHA`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from ...bench.statistics.comparison import Difference, holm, paired_difference
from .measured import RunResults
from .paper_table import Claim, PaperTable
from .published import PublishedResult, PublishedTable

Verdict = Literal["holds", "fails", "undecided", "not measured"]
_SET = "paired"
_SIDES = ("better", "worse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """A claim with its verdict.

    Attributes:
        difference: number that should be better minus the other, on paired trials; None without pairs.
        changed: number of trials that differ, for a claim that all values are the same.
        published: both numbers of the paper, where it gives them.
    """

    claim: Claim
    verdict: Verdict
    difference: Difference | None = None
    changed: int = 0
    published: tuple[PublishedResult, PublishedResult] | None = None


def orderings(table: PaperTable, published: PublishedTable | None, results: RunResults) -> tuple[Ordering, ...]:
    """All claims of a table, judged on one run."""
    judged = [replace(_judge(claim, results), published=_published(table, published, claim)) for claim in table.claims]
    # Verdicts need p-values that are corrected for all comparisons of the table.
    adjusted = holm([o.difference.p_value if o.difference else math.nan for o in judged])
    return tuple(_decided(o, float(p_value), results) for o, p_value in zip(judged, adjusted, strict=True))


def verdict_of(difference: Difference, *, higher_is_better: bool) -> Verdict:
    """Whether the first number of a difference is the better one, by interval and p-value."""
    sign = 1.0 if higher_is_better else -1.0
    low, high = sorted((sign * difference.ci_low, sign * difference.ci_high))
    if difference.n == 0 or math.isnan(difference.mean):
        return "not measured"
    if not difference.significant or low <= 0.0 <= high:
        return "undecided"
    return "holds" if low > 0.0 else "fails"


def _judge(claim: Claim, results: RunResults) -> Ordering:
    sides = [results.rows(side) for side in (claim.better, claim.worse)]
    places = {(side.role, side.condition) for side in (claim.better, claim.worse)}
    paired = _paired(sides, by_trial=len(places) == 1)
    if paired.empty:
        return Ordering(claim=claim, verdict="not measured")
    if claim.same:
        return _judge_same(claim, paired)
    difference = paired_difference(
        paired,
        system=_SIDES[0],
        baseline=_SIDES[1],
        dataset=_SET,
        condition="FMQ 1:0",
        metric=claim.better.metric,
        level=results.board.level,
        resamples=results.board.resamples,
        seed=results.board.seed,
    )
    return Ordering(claim=claim, verdict="undecided", difference=difference)


def _judge_same(claim: Claim, paired: pd.DataFrame) -> Ordering:
    sides = paired.pivot(index="trial_id", columns="system", values=["value", "status"])
    (first, second), (status, other) = ([sides[what][side] for side in _SIDES] for what in ("value", "status"))
    equal = ((first == second) | (first.isna() & second.isna())) & (status == other)
    changed = int((~equal).sum())
    return Ordering(claim=claim, verdict="fails" if changed else "holds", changed=changed)


def _paired(sides: Sequence[pd.DataFrame], *, by_trial: bool) -> pd.DataFrame:
    """Rows of both sides under one stratum, as far as the trials can be paired.

    Trials of different strata or sets form a pair if their mixture and target are the same.
    """
    frames = []
    for name, rows in zip(_SIDES, sides, strict=True):
        keys = rows["trial_id"]
        if not by_trial and len(rows):
            targets = rows["tag_target"] if "tag_target" in rows else pd.Series("", rows.index)
            keys = rows["mixture_id"] + "|" + targets.fillna("")
        frames.append(rows.assign(system=name, trial_id=keys, dataset=_SET, condition="FMQ", n_active=1, n_inactive=0))
    common = set(frames[0]["trial_id"]) & set(frames[1]["trial_id"])
    both = pd.concat([frame[frame["trial_id"].isin(common)] for frame in frames])
    return both.assign(metric=both["base_metric"]) if len(both) else both


def _published(
    table: PaperTable, published: PublishedTable | None, claim: Claim
) -> tuple[PublishedResult, PublishedResult] | None:
    if published is None:
        return None
    better, worse = (key and key.find(published) for key in map(table.published_of, (claim.better, claim.worse)))
    return (better, worse) if better and worse else None


def _decided(ordering: Ordering, p_adjusted: float, results: RunResults) -> Ordering:
    if ordering.difference is None:
        return ordering
    difference = replace(ordering.difference, p_adjusted=p_adjusted)
    higher = results.facts(difference.metric).higher_is_better is not False
    verdict = verdict_of(difference, higher_is_better=higher)
    return replace(ordering, difference=difference, verdict=verdict)
