"""Checks of gates: whether the difference of the selected trials is a regression.

Three ways to decide, all on the mean difference of the paired trials:

- `significant` (the default): the mean is beyond the threshold, and the sign-flip test tells it
  apart from no change (p < 0.05, Holm over all that the gates look at). Where nothing but symmetric
  noise differs, all gates together fail in 2.5 % of comparisons at most.
- `mean`: the mean is beyond the threshold, whatever the noise.
- `interval`: the whole interval is beyond the threshold.

`significant` decides on the mean alone where the test could not find anything, because too few mixtures changed for the
number of checks, and where a gate demands an improvement: a gate that could never fail would be a silent pass. A mean
beyond the threshold that is not significantly different from no change is `unproven`: it passes, and every output says
so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from ...bench.statistics.comparison import ALPHA
from ..leaderboard.wording import interval, number, p_value, plural
from .differences import changes_of
from .gate_trials import looked_at
from .gates import Gate
from .paired_strata import PairedStratum, Resampling
from .result import Change, Check, Decide, Outcome
from .summary import corrected_for

_EXACT = 14  # mixtures up to which the test tries all signs

_Judge = Callable[[Gate, Change, int], tuple[Outcome, str]]


def check_gates(
    gates: Sequence[Gate],
    cells: Sequence[PairedStratum],
    *,
    decide: Decide,
    settings: Resampling,
    allow_incomplete: bool = False,
) -> tuple[Check, ...]:
    """Apply gates to all that they look at; `cells` are every metric of every pair and stratum.

    Raises:
        ConfigError: a gate names an unknown metric, slice or value, or selects no trial.
    """
    selections = [(gate, one) for gate in gates for one in looked_at(gate, cells)]
    changes = changes_of([one for _, one in selections], settings)
    family = sum(change.n_changed > 0 for change in changes)
    return tuple(
        _check(gate, change, _JUDGES[decide], family, allow_incomplete)
        for (gate, _), change in zip(selections, changes, strict=True)
    )


def _check(gate: Gate, change: Change, judge: _Judge, family: int, allow_incomplete: bool) -> Check:
    unit = change.metric.unit
    if math.isnan(change.difference.mean):
        outcome, why = _no_value(change, allow_incomplete)
        return Check(gate=gate, change=change, outcome=outcome, reason=why)
    limit = f"{number(gate.threshold, unit, signed=True)} {unit}".strip()
    side = "below" if gate.sign == "<" else "above"
    found = _difference_text(change)
    if not gate.beyond(change.difference.mean):
        outcome, why = "passed", f"{found} is not {side} {limit}"
    else:
        outcome, more = judge(gate, change, family)
        why = f"{found} is {side} {limit}{more}"
    lone = change.coverage.one_sided
    if lone and not allow_incomplete:
        named = ", ".join(change.coverage.first)
        more = ", ..." if lone > len(change.coverage.first) else ""
        why += f"; {plural(lone, 'trial')} with a value in one run only: {named}{more}"
        outcome = "failed" if outcome == "failed" else "incomplete"
    return Check(gate=gate, change=change, outcome=outcome, reason=why)


def _no_value(change: Change, allow_incomplete: bool) -> tuple[Outcome, str]:
    """Without a difference a gate says nothing; that is only right if it was allowed."""
    if change.coverage.paired:
        return "incomplete", "the difference has no finite value"
    why = "no trial has a value in both runs"
    return ("passed" if allow_incomplete else "incomplete"), why


def _significant(gate: Gate, change: Change, family: int) -> tuple[Outcome, str]:
    if gate.demands_improvement or change.difference.significant:
        return "failed", ""
    if math.isnan(change.difference.p_value):
        return "failed", " (infinite values cannot be tested: the mean decides)"
    # The smallest p-value of the exact test is 2^(1−K) for K changed mixtures, if all changes have one direction.
    if change.n_changed <= _EXACT and 2.0 ** (1 - change.n_changed) * family >= ALPHA:
        changed = plural(change.n_changed, "changed mixture")
        return "failed", f" ({changed} for {plural(family, 'check')}: the mean decides)"
    return "unproven", ", but not significantly different from no change"


def _mean(_gate: Gate, _change: Change, _family: int) -> tuple[Outcome, str]:
    return "failed", ""


def _interval(gate: Gate, change: Change, _family: int) -> tuple[Outcome, str]:
    low, high = change.difference.ci_low, change.difference.ci_high
    if math.isnan(low):
        return "failed", " (there is no interval: the mean decides)"
    if gate.beyond(low) and gate.beyond(high):
        return "failed", ""
    return "unproven", ", but not all of its interval"


_JUDGES: Mapping[Decide, _Judge] = {"significant": _significant, "mean": _mean, "interval": _interval}


def _difference_text(change: Change) -> str:
    """The difference with unit, interval, and p-value if there is anything to test."""
    found, unit = change.difference, change.metric.unit
    value = f"{number(found.mean, unit, signed=True)} {unit}".strip()
    ends, chance = interval(found.ci_low, found.ci_high, unit, signed=True), p_value(found)
    tested = f"({chance}, {corrected_for(change, 'check')})" if chance and change.n_changed else ""
    return " ".join(part for part in (value, ends, tested) if part)
