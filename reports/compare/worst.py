"""The trials that got worse most: where to listen first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from .paired_strata import PairedStratum
from .result import ChangedTrial, Comparison


def worst_trials(cells: Sequence[PairedStratum], *, count: int = 5) -> list[ChangedTrial]:
    """The trials of each cell that lost their value, then those that got worse most.

    Cells of metrics without a direction are left out.
    """
    return [trial for cell in cells for trial in _worst(cell, count)]


def named_trials(comparison: Comparison, count: int = 10) -> list[ChangedTrial]:
    """Those to look at first: of strata where a gate failed, then others; lost ones first."""
    failed = {(c.change.dataset, c.change.condition, c.change.system) for c in comparison.failed}
    ordered = sorted(comparison.worst, key=lambda t: ((t.dataset, t.condition, t.system) not in failed, _loss(t)))
    # A trial is named once, by the metric in which it lost most.
    once = {(trial.dataset, trial.trial_id, trial.system): trial for trial in reversed(ordered)}
    return [trial for trial in ordered if once[trial.dataset, trial.trial_id, trial.system] is trial][:count]


def _loss(trial: ChangedTrial) -> tuple[bool, float]:
    lost = trial.difference != trial.difference
    sign = 1.0 if trial.metric.higher_is_better else -1.0
    return not lost, 0.0 if lost else sign * trial.difference


def _worst(cell: PairedStratum, count: int) -> Iterator[ChangedTrial]:
    facts = cell.facts
    if facts.higher_is_better is None:
        return
    ours, theirs = cell.counted()
    base, candidate = (
        np.where(there, side["value"].to_numpy(np.float64), math.nan)
        for there, side in ((ours, cell.base), (theirs, cell.candidate))
    )
    with np.errstate(invalid="ignore"):  # two infinite values have no difference
        gain = (candidate - base) * (1.0 if facts.higher_is_better else -1.0)
    gain[ours & ~theirs & ~cell.inapplicable] = -math.inf
    order = np.argsort(np.where(np.isnan(gain), math.inf, gain), kind="stable")
    for place in order[:count]:
        if not gain[place] < 0:
            return
        name = str(cell.trials.index[place])
        reasons = [
            _reason(side["status"].iloc[place], side["reason"].iloc[place]) for side in (cell.base, cell.candidate)
        ]
        yield ChangedTrial(
            system=cell.pair.title,
            names=(cell.pair.base, cell.pair.candidate),
            dataset=cell.dataset,
            condition=cell.condition,
            trial_id=name,
            metric=facts,
            base=float(base[place]),
            candidate=float(candidate[place]),
            base_reason=reasons[0],
            candidate_reason=reasons[1],
        )


def _reason(status: object, reason: object) -> str:
    """Reason for a missing value, or the note on a value."""
    if not isinstance(status, str):
        return "missing"
    text = reason if isinstance(reason, str) else ""
    return text if status == "ok" else f"{status}: {text}" if text else status
