"""The checks behind `tsebench doctor SYSTEM`: does a system keep its contract?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..datasets.types import Clues
from ..systems.protocol import AnySystem
from ..systems.shared.probes import Probe
from .system_answers import ProbedSystem, complaint_of, difference_db

LENGTHS_S = (0.3, 1.0, 4.0, 30.0)
SAME_DB = -80.0  # rounding in float32 stays below this, the influence of padding is far above
_UNKNOWN_CLASS = "no_such_sound_class"
_LOUD, _QUIET = 10.0, 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check: its name, whether the system passed, and the observation, in one line."""

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
    probed = ProbedSystem(
        system=system,
        sample_rate_hz=system.card.sample_rate_hz or sample_rate_hz,
        seed=seed,
        device=device,
        lengths_s=tuple(lengths_s),
    )
    return [check(probed) for check in _CHECKS]


def _lengths(probed: ProbedSystem) -> CheckResult:
    """Mixtures of every length get a finite estimate of that length."""
    for duration_s in probed.lengths_s:
        complaint = complaint_of(probed.answers(probed.probe(f"length-{duration_s:g}s", duration_s)))
        if complaint:
            return _failed("lengths", f"{duration_s:g} s: {complaint}")
    return _passed("lengths", f"{', '.join(f'{d:g}' for d in probed.lengths_s)} s answered")


def _batch_invariance(probed: ProbedSystem) -> CheckResult:
    """The card says whether padding changes the answer."""
    probes = [probed.probe(f"padded-{k}", 0.6 + 0.47 * k) for k in range(3)]
    neutral = probed.system.card.padding_neutral
    level_db, complaint = _alone_and_together(probed, probes)
    if complaint:
        return _failed("batch_invariance", complaint)
    same = level_db <= SAME_DB
    agrees = "agrees" if same == neutral else "does not agree"
    detail = f"{_level(level_db)}; card.padding_neutral = {neutral} {agrees}"
    # Careless is wrong; careful without need only costs speed.
    return CheckResult(name="batch_invariance", passed=same or not neutral, detail=detail)


def _equal_length_batch(probed: ProbedSystem) -> CheckResult:
    """Neighbours of the same length never change an answer, whatever the card says."""
    probes = [probed.probe(f"equal-{k}") for k in range(2)]
    level_db, complaint = _alone_and_together(probed, probes)
    if complaint:
        return _failed("equal_length_batch", complaint)
    passed = level_db <= SAME_DB
    return CheckResult(name="equal_length_batch", passed=passed, detail=_level(level_db))


def _silence(probed: ProbedSystem) -> CheckResult:
    """A mixture of zeros gets a finite estimate."""
    return _expect_estimate(probed, "silence", probed.probe("silence").scaled(0.0, suffix="in"))


def _levels(probed: ProbedSystem) -> CheckResult:
    """Loud and quiet mixtures get finite estimates."""
    probe = probed.probe("level")
    loud, quiet = probe.scaled(_LOUD, suffix="loud"), probe.scaled(_QUIET, suffix="quiet")
    return _expect_estimate(probed, "levels", loud, quiet)


def _absent_target(probed: ProbedSystem) -> CheckResult:
    """A mixture without the target gets a finite estimate."""
    probe = probed.probe("absent").without_target(suffix="target")
    return _expect_estimate(probed, "absent_target", probe)


def _determinism(probed: ProbedSystem) -> CheckResult:
    """The same query twice gets the same answer."""
    probe = probed.probe("twice")
    first, second = probed.answers(probe)[0], probed.answers(probe)[0]
    complaint = complaint_of([first, second])
    if complaint:
        return _failed("determinism", complaint)
    level_db = difference_db(first, second)
    return CheckResult(name="determinism", passed=level_db <= SAME_DB, detail=_level(level_db))


def _unknown_class(probed: ProbedSystem) -> CheckResult:
    """A label outside of the vocabulary costs its own query only."""
    name = "unknown_class"
    if probed.system.card.classes is None or "classes" not in probed.system.card.clues:
        return _passed(name, "does not apply: the card names no classes")
    known = probed.probe("known-class")
    unknown = probed.probe("class").asking(Clues(classes=(_UNKNOWN_CLASS,)), suffix="unknown")
    good, bad = probed.answers(known, unknown)
    complaint = complaint_of([good]) or bad.problem
    if complaint:
        return _failed(name, complaint)
    if bad.refusal is None:
        return _failed(name, f"{_UNKNOWN_CLASS!r} got an estimate; it must be a failure")
    return _passed(name, f"refused: {bad.refusal}")


def _missing_clue(probed: ProbedSystem) -> CheckResult:
    """A query without any clue is refused or answered, but breaks nothing."""
    name = "missing_clue"
    if not probed.system.card.clues:
        return _passed(name, "does not apply: the card names no clues")
    answer = probed.answers(probed.probe("clue").asking(Clues(), suffix="missing"))[0]
    if answer.problem:
        return _failed(name, answer.problem)
    return _passed(name, f"refused: {answer.refusal}" if answer.refusal else "answered without")


_CHECKS: tuple[Callable[[ProbedSystem], CheckResult], ...] = (
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


def _expect_estimate(probed: ProbedSystem, name: str, *probes: Probe) -> CheckResult:
    complaint = complaint_of(probed.answers(*probes))
    return _failed(name, complaint) if complaint else _passed(name, "answered")


def _alone_and_together(probed: ProbedSystem, probes: Sequence[Probe]) -> tuple[float, str | None]:
    """Largest difference in dB between the answers alone and in a batch, or a complaint."""
    together = probed.answers(*probes)
    alone = [probed.answers(probe)[0] for probe in probes]
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
