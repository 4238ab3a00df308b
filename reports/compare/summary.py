"""Sentences and cells that all outputs of a comparison share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from ...bench.run.record import RunFacts
from ...bench.run.system_facts import plain
from ..leaderboard.wording import interval, number, p_digits, plural
from .result import Change, Check, Comparison

OUTCOMES = {"passed": "passed", "failed": "FAILED", "unproven": "unproven", "incomplete": "no value"}
_STEPS = {"dB": 1.0, "%": 1.0, "MOS": 0.1, "MOS-LQO": 0.1}
HOW = {
    "significant": "the mean is beyond the threshold, and p < 0.05 against no change "
    "(sign-flip test over mixtures, Holm over all checks of all gates)",
    "mean": "the mean is beyond the threshold",
    "interval": "the whole interval is beyond the threshold",
}


def headline(comparison: Comparison) -> str:
    """The result in one sentence."""
    failed = dict.fromkeys(str(check.gate) for check in comparison.failed)  # in order, without doubles
    if failed:
        count = plural(len(comparison.failed), "check")
        return f"Regression: {count} of {len(comparison.checks)} failed ({', '.join(failed)})"
    if comparison.exit_code:
        return "Incomplete: trials are missing or have a value in one run only"
    unproven = sum(check.outcome == "unproven" for check in comparison.checks)
    if not comparison.gates:
        return f"Compared; no gate was given{_worse(comparison.changes)}"
    more = f", {unproven} of them beyond a threshold but within noise" if unproven else ""
    return f"No regression: {plural(len(comparison.checks), 'check')} passed{more}"


def run_line(run: RunFacts) -> str:
    """Name, id, date, release, commit and device of a run."""
    versions = {name: run.versions.get(name) for name in ("tsebench", "torch")}
    facts = [
        run.run_id if run.name else "",
        run.created,
        *(f"{name} {version}" for name, version in versions.items() if version),
        plain(run.git)[:12],
        plain(run.device),
    ]
    return f"{run.title} ({', '.join(fact for fact in facts if fact)})"


def _differing_versions(comparison: Comparison) -> str:
    """Versions that are not those of the base: a change may come from them; "" if none."""
    ours, theirs = comparison.base.versions, comparison.candidate.versions
    names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    changes = [f"{n} {ours.get(n) or 'unknown'} → {theirs.get(n) or 'unknown'}" for n in names]
    return f"versions differ: {', '.join(changes)}" if changes else ""


def remarks(comparison: Comparison) -> Iterator[str]:
    """Remarks on gaps, trials without values, versions and unchanged systems, the gravest first."""
    yield from comparison.gaps
    if comparison.one_sided:
        yield _one_sided(comparison.one_sided)
    neither = [change for change in comparison.changes if change.coverage.neither]
    if neither:
        most = max(change.coverage.neither for change in neither)
        systems = ", ".join(dict.fromkeys(change.system for change in neither))
        yield f"trials without a value in both runs: up to {most} in a stratum ({systems})"
    yield from comparison.notes
    if versions := _differing_versions(comparison):
        yield versions
    if comparison.unchanged:
        yield f"unchanged, value by value: {', '.join(comparison.unchanged)}"
    if comparison.base.run_id and comparison.base.run_id == comparison.candidate.run_id:
        yield "both folders hold the same experiment: only the machine or the code can differ"


def _one_sided(changes: Sequence[Change]) -> str:
    """Sentence on trials with a value in one run only."""
    ours = max(change.coverage.base_only for change in changes)
    theirs = max(change.coverage.candidate_only for change in changes)
    systems = ", ".join(dict.fromkeys(change.system for change in changes))
    first = ", ".join(list(dict.fromkeys(n for c in changes for n in c.coverage.first))[:5])
    return (
        f"trials with a value in one run only: up to {ours} in the base alone and {theirs} in the "
        f"candidate alone, in a stratum ({systems}; first: {first}); they are in no difference"
    )


def corrected_for(change: Change, what: str) -> str:
    """Correction of a p-value, in words: "Holm over 12 checks", or "1 check: no correction"."""
    count = plural(change.n_compared, what)
    return f"Holm over {count}" if change.n_compared > 1 else f"{count}: no correction"


def p_note(comparison: Comparison) -> str:
    """Which test the p-values are of, and over what each table corrects them; "" without any."""
    families = {
        "the table of whole strata": (comparison.changes, "difference"),
        "slices": (comparison.slices, "difference"),
        "gates": ([check.change for check in comparison.checks], "check"),
    }
    parts = []
    for name, (changes, what) in families.items():
        sizes = sorted({change.n_compared for change in changes if change.n_compared})
        if sizes:
            each = plural(sizes[-1], what) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} {what}s"
            parts.append(f"over {each} in {name}{' of one kind' if name == 'slices' else ''}")
    if not parts:
        return ""
    several = "; so one difference may have several" if len(parts) > 1 else ""
    test = "p-values: sign-flip test over mixtures against no change, corrected (Holm)"
    return f"{test} {', '.join(parts)}{several}"


def worst_first(changes: Iterable[Change]) -> list[Change]:
    """Significantly worse ones first, the largest loss before smaller ones; better ones last.

    A loss of 1 dB weighs as much as one of 1 %, of 0.1 MOS, or of 0.01 on a scale from 0 to 1.
    """
    rank = {"worse": 0, "no value": 1, "changed": 2, "same": 3, "better": 4}
    return sorted(changes, key=lambda c: (rank[c.verdict], _size(c)))


def value_cells(change: Change) -> tuple[str, str, str, str]:
    """Base, candidate, difference with interval, and p-value."""
    unit, found = change.metric.unit, change.difference
    ends = interval(found.ci_low, found.ci_high, unit, signed=True)
    return (
        number(change.base, unit),
        number(change.candidate, unit),
        f"{number(found.mean, unit, signed=True)} {ends}".strip(),
        p_digits(found),
    )


def trials(change: Change) -> str:
    """Numbers of paired trials and of those left out."""
    lone, neither = change.coverage.one_sided, change.coverage.neither
    parts = [str(change.coverage.paired)]
    parts += [f"{lone} one-sided"] if lone else []
    parts += [f"{neither} without a value"] if neither else []
    return ", ".join(parts)


def outcome_counts(checks: Sequence[Check]) -> str:
    """For example "3 failed, 12 passed"."""
    names = ("failed", "incomplete", "unproven", "passed")
    counts = {name: sum(check.outcome == name for check in checks) for name in names}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _worse(changes: Sequence[Change]) -> str:
    worse = sum(change.verdict == "worse" for change in changes)
    better = sum(change.verdict == "better" for change in changes)
    return f": {worse} significantly worse, {better} better, of {plural(len(changes), 'difference')}"


def _size(change: Change) -> float:
    """Gain in steps of its unit; a loss is negative."""
    return 0.0 if math.isnan(change.gain) else change.gain / _STEPS.get(change.metric.unit, 0.01)
