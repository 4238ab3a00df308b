"""Records of a comparison that all outputs read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...bench.metrics.protocol import MetricInfo
from ...bench.run.record import RunFacts
from ...bench.statistics.comparison import Difference
from ..slices.dimensions import Slice
from .gates import Gate

Outcome = Literal["passed", "failed", "unproven", "incomplete"]
"""unproven: beyond the threshold, but not significantly different from no change."""

Decide = Literal["significant", "mean", "interval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Numbers of trials behind a difference.

    Attributes:
        paired: both runs have a value.
        base_only: with a value in the base run alone; missing, failed or undefined in the candidate.
        candidate_only: the other way round.
        neither: in both runs, without a value.
        first: ids of the first trials with a value in one run only.
    """

    paired: int
    base_only: int
    candidate_only: int
    neither: int
    first: tuple[str, ...] = ()

    @property
    def one_sided(self) -> int:
        """Trials with a value in one run only."""
        return self.base_only + self.candidate_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of one system in one stratum, or in a slice of it: candidate minus base.

    Attributes:
        system: title of the pair.
        slice: None for the whole stratum.
        base: value over the paired trials; pooled where the metric is.
        candidate: likewise.
        difference: with interval and p-value, adjusted for the table that it stands in.
        n_changed: mixtures with a paired trial whose value is another.
        n_compared: differences that were tested together, which the adjusted p-value is corrected for.
    """

    system: str
    dataset: str
    condition: str
    metric: MetricInfo
    slice: Slice | None
    base: float
    candidate: float
    difference: Difference
    coverage: Coverage
    n_changed: int
    n_compared: int

    @property
    def gain(self) -> float:
        """The difference with the sign that more is better; NaN if no direction is known."""
        if self.metric.higher_is_better is None:
            return math.nan
        return self.difference.mean if self.metric.higher_is_better else -self.difference.mean

    @property
    def verdict(self) -> Literal["better", "worse", "changed", "same", "no value"]:
        """Unless the difference is significant, "same"; without a direction, "changed"."""
        if math.isnan(self.difference.mean):
            return "no value"
        if not self.difference.significant or self.difference.mean == 0:
            return "same"
        if self.metric.higher_is_better is None:
            return "changed"
        return "better" if self.gain > 0 else "worse"

    @property
    def where(self) -> str:
        """Dataset, stratum and slice in a row."""
        parts = [self.dataset, self.condition]
        return " · ".join(filter(None, [*parts, *([self.slice.label] if self.slice else [])]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Outcome of a gate for one change; `reason` is a sentence for the log."""

    gate: Gate
    change: Change
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedTrial:
    """One trial that got worse.

    Attributes:
        base: NaN without a value.
        candidate: NaN without a value.
        base_reason: why there is no value, or a note on it.
        names: of the system in the base run and in the candidate run.
    """

    system: str
    names: tuple[str, str]
    dataset: str
    condition: str
    trial_id: str
    metric: MetricInfo
    base: float
    candidate: float
    base_reason: str
    candidate_reason: str

    @property
    def difference(self) -> float:
        """Candidate minus base; NaN without one of them."""
        return self.candidate - self.base


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        changes: of whole strata.
        slices: of slices of strata.
        unchanged: systems whose values are all equal; their changes are 0.
        checks: of the gates.
        worst: trials that got worse most, or lost their value.
        notes: what only one run has.
        gaps: missing trials of either run.
        allow_incomplete: one-sided trials and gaps do not fail.
        folders: of the base run and of the candidate run.
    """

    base: RunFacts
    candidate: RunFacts
    changes: tuple[Change, ...]
    slices: tuple[Change, ...]
    unchanged: tuple[str, ...]
    gates: tuple[Gate, ...]
    checks: tuple[Check, ...]
    worst: tuple[ChangedTrial, ...]
    notes: tuple[str, ...]
    gaps: tuple[str, ...]
    level: float
    decide: Decide
    allow_incomplete: bool
    folders: tuple[Path, Path] = field(compare=False)

    @property
    def failed(self) -> tuple[Check, ...]:
        """Checks that found a regression."""
        return tuple(check for check in self.checks if check.outcome == "failed")

    @property
    def one_sided(self) -> tuple[Change, ...]:
        """Changes with trials that have a value in one run only."""
        return tuple(change for change in self.changes if change.coverage.one_sided)

    @property
    def incomplete(self) -> bool:
        """Whether a trial is missing or has a value in one run only, or a check has no value."""
        undecided = any(check.outcome == "incomplete" for check in self.checks)
        return bool(undecided or self.one_sided or self.gaps)

    @property
    def exit_code(self) -> int:
        """0 fine, 1 a regression, 3 incomplete and not allowed to be."""
        if self.failed:
            return 1
        return 3 if self.incomplete and not self.allow_incomplete else 0
