"""The checks behind `tsebench doctor SYSTEM`: does a system keep its contract?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..datasets.types import Clues
from ..systems.protocol import AnySystem
from ..systems.shared.probes import Probe
from .system_answers import Bench, complaint_of, difference_db

LENGTHS_S = (0.3, 1.0, 4.0, 30.0)
SAME_DB = -80.0  # rounding in float32 stays below this, the influence of padding is far above
_UNKNOWN_CLASS = "no_such_sound_class"
_LOUD, _QUIET = 10.0, 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check: its name, whether the system passed, and what was seen, in one line."""

    name: str
    passed: bool
    detail: str


def check_system(
    system: AnySystem,
    *,
    sample_rate_hz: int,
    seed: int = 0,
    device: str = "cpu",
    lengths_s: Sequence[float] = LENGTHS_S,
) -> list[CheckResult]:
    """Try a system on made-up queries with clues that fit its card.

    Args:
        system: any system; an oracle gets made-up truths.
        sample_rate_hz: rate of the queries, if the card does not name one.
        seed: decides all signals.
        device: where the batches are put; the system should have been built on it.
        lengths_s: durations of the mixtures that must be answered.

    Returns:
        One result for each check, in a fixed order. A check that does not apply passes and says so.
    """
    bench = Bench(
        system=system,
        sample_rate_hz=system.card.sample_rate_hz or sample_rate_hz,
        seed=seed,
        device=device,
        lengths_s=tuple(lengths_s),
    )
    return [check(bench) for check in _CHECKS]


def _lengths(bench: Bench) -> CheckResult:
    """Mixtures of every length get a finite estimate of that length."""
    for duration_s in bench.lengths_s:
        complaint = complaint_of(bench.ask(bench.probe(f"length-{duration_s:g}s", duration_s)))
        if complaint:
            return _failed("lengths", f"{duration_s:g} s: {complaint}")
    return _passed("lengths", f"{', '.join(f'{d:g}' for d in bench.lengths_s)} s answered")


def _batch_invariance(bench: Bench) -> CheckResult:
    """The card tells whether padding changes the answer."""
    probes = [bench.probe(f"padded-{k}", 0.6 + 0.47 * k) for k in range(3)]
    neutral = bench.system.card.padding_neutral
    level_db, complaint = _alone_and_together(bench, probes)
    if complaint:
        return _failed("batch_invariance", complaint)
    same = level_db <= SAME_DB
    agrees = "agrees" if same == neutral else "does not agree"
    detail = f"{_level(level_db)}; card.padding_neutral = {neutral} {agrees}"
    # Careless is wrong; careful without need only costs speed.
    return CheckResult(name="batch_invariance", passed=same or not neutral, detail=detail)


def _equal_length_batch(bench: Bench) -> CheckResult:
    """Neighbours of the same length never change an answer, whatever the card says."""
    probes = [bench.probe(f"equal-{k}") for k in range(2)]
    level_db, complaint = _alone_and_together(bench, probes)
    if complaint:
        return _failed("equal_length_batch", complaint)
    passed = level_db <= SAME_DB
    return CheckResult(name="equal_length_batch", passed=passed, detail=_level(level_db))


def _silence(bench: Bench) -> CheckResult:
    """A mixture of zeros gets a finite estimate."""
    return _expect_estimate(bench, "silence", bench.probe("silence").scaled(0.0, suffix="in"))


def _levels(bench: Bench) -> CheckResult:
    """Loud and quiet mixtures get finite estimates."""
    probe = bench.probe("level")
    loud, quiet = probe.scaled(_LOUD, suffix="loud"), probe.scaled(_QUIET, suffix="quiet")
    return _expect_estimate(bench, "levels", loud, quiet)


def _absent_target(bench: Bench) -> CheckResult:
    """A mixture without the target gets a finite estimate."""
    probe = bench.probe("absent").without_target(suffix="target")
    return _expect_estimate(bench, "absent_target", probe)


def _determinism(bench: Bench) -> CheckResult:
    """Asked twice, a system answers the same."""
    probe = bench.probe("twice")
    first, second = bench.ask(probe)[0], bench.ask(probe)[0]
    complaint = complaint_of([first, second])
    if complaint:
        return _failed("determinism", complaint)
    level_db = difference_db(first, second)
    return CheckResult(name="determinism", passed=level_db <= SAME_DB, detail=_level(level_db))


def _unknown_class(bench: Bench) -> CheckResult:
    """A label outside of the vocabulary costs its own query only."""
    name = "unknown_class"
    if bench.system.card.classes is None or "classes" not in bench.system.card.clues:
        return _passed(name, "does not apply: the card names no classes")
    known = bench.probe("known-class")
    unknown = bench.probe("class").asking(Clues(classes=(_UNKNOWN_CLASS,)), suffix="unknown")
    good, bad = bench.ask(known, unknown)
    complaint = complaint_of([good]) or bad.problem
    if complaint:
        return _failed(name, complaint)
    if bad.refusal is None:
        return _failed(name, f"{_UNKNOWN_CLASS!r} got an estimate; it must be a failure")
    return _passed(name, f"refused: {bad.refusal}")


def _missing_clue(bench: Bench) -> CheckResult:
    """A query without any clue is refused or answered, but breaks nothing."""
    name = "missing_clue"
    if not bench.system.card.clues:
        return _passed(name, "does not apply: the card names no clues")
    answer = bench.ask(bench.probe("clue").asking(Clues(), suffix="missing"))[0]
    if answer.problem:
        return _failed(name, answer.problem)
    return _passed(name, f"refused: {answer.refusal}" if answer.refusal else "answered without")


_CHECKS: tuple[Callable[[Bench], CheckResult], ...] = (
    _lengths,
    _batch_invariance,
    _equal_length_batch,
    _silence,
    _levels,
    _absent_target,
    _determinism,
    _unknown_class,
    _missing_clue,
)


def _expect_estimate(bench: Bench, name: str, *probes: Probe) -> CheckResult:
    complaint = complaint_of(bench.ask(*probes))
    return _failed(name, complaint) if complaint else _passed(name, "answered")


def _alone_and_together(bench: Bench, probes: Sequence[Probe]) -> tuple[float, str | None]:
    """Largest difference in dB between the answers alone and in a batch, or a complaint."""
    together = bench.ask(*probes)
    alone = [bench.ask(probe)[0] for probe in probes]
    complaint = complaint_of([*alone, *together])
    if complaint:
        return math.nan, complaint
    return max(map(difference_db, alone, together)), None


def _level(level_db: float) -> str:
    if level_db == -math.inf:
        return "identical"
    return f"largest difference {level_db:.1f} dB of the output"


def _passed(name: str, detail: str) -> CheckResult:
    return CheckResult(name=name, passed=True, detail=detail)


def _failed(name: str, detail: str) -> CheckResult:
    return CheckResult(name=name, passed=False, detail=detail)
