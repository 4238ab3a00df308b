"""The checks behind `tsebench doctor SYSTEM`: does a system keep its contract?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from ..bench.inference.ask import Failure, ask, guarded
from ..bench.inference.extraction_rows import failure_reasons
from ..core.errors import ExtractionError
from ..core.text import safe_text
from ..datasets.batches import collate
from ..datasets.types import Clues
from ..systems.protocol import LENGTH_TOLERANCE_S, AnySystem, Extraction, QueryBatch
from ..systems.shared.probes import Probe, make_probe

LENGTHS_S = (0.3, 1.0, 4.0, 30.0)
SAME_DB = -80.0  # rounding in float32 stays below this, the influence of padding is far above
_UNKNOWN_CLASS = "no_such_sound_class"
_LOUD, _QUIET = 10.0, 1e-4


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check and the observation, in one line."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """Answer to one query: an estimate [T], or a refusal, or a breach of contract."""

    estimate: Tensor | None = None
    refusal: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedSystem:
    """A system under test, and the settings of its made-up queries."""

    system: AnySystem
    sample_rate_hz: int
    device: str
    lengths_s: Sequence[float]

    def probe(self, name: str, duration_s: float = 1.0) -> Probe:
        """A made-up query that fits the system's card."""
        rate = self.sample_rate_hz
        return make_probe(self.system.card, name=name, duration_s=duration_s, sample_rate_hz=rate, seed=0)

    def answers(self, *probes: Probe) -> list[ProbeAnswer]:
        """Answers to one batch; a batch that is refused as a whole is repeated query by query."""
        batch = collate([probe.query for probe in probes], device=self.device)
        untouched = batch.mixture.clone()
        extraction = guarded(lambda: ask(self.system, batch, [probe.truth for probe in probes]))
        if isinstance(extraction, Failure):
            if not isinstance(extraction.error, ExtractionError):
                return [ProbeAnswer(problem=f"raised {extraction.line}")] * len(probes)
            if len(probes) > 1:
                return [self.answers(probe)[0] for probe in probes]
            return [ProbeAnswer(refusal=safe_text(extraction.error))]
        if not untouched.equal(batch.mixture):
            return [ProbeAnswer(problem="changed the mixture of its batch in place")] * len(probes)
        return sort_out(extraction, batch)


def sort_out(extraction: Extraction, batch: QueryBatch) -> list[ProbeAnswer]:
    """One answer for each query; a breach of the contract becomes a problem."""
    problem = _breach(extraction, batch)
    if problem:
        return [ProbeAnswer(problem=problem)] * len(batch.ids)
    padded = isinstance(extraction.estimate, Tensor)
    failures = failure_reasons(extraction, batch)
    rows = zip(batch.ids, extraction.estimate, batch.lengths.tolist(), strict=True)
    return [
        ProbeAnswer(refusal=failures[query_id])
        if query_id in failures
        else _judged(row[..., :length] if padded else row, length, batch)
        for query_id, row, length in rows
    ]


def _breach(extraction: Extraction, batch: QueryBatch) -> str | None:
    """Fault in the answer to a batch as a whole."""
    estimate, expected = extraction.estimate, (len(batch.ids), batch.mixture.shape[-1])
    if isinstance(estimate, Tensor) and tuple(estimate.shape) not in (expected, tuple(batch.mixture.shape)):
        return f"estimate has shape {tuple(estimate.shape)} instead of {expected}"
    if len(estimate) != len(batch.ids):
        return f"estimate has {len(estimate)} tensors for {len(batch.ids)} queries"
    try:
        failure_reasons(extraction, batch)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _judged(estimate: object, length: int, batch: QueryBatch) -> ProbeAnswer:
    """The estimate of one query, brought to its length as the scorer does, or its fault."""
    if not isinstance(estimate, Tensor):
        return ProbeAnswer(problem=f"estimate is a {type(estimate).__name__} instead of a tensor")
    if estimate.ndim == 2 and len(estimate) == batch.mixture.shape[1]:
        estimate = estimate[batch.reference_channel]
    if estimate.ndim != 1 or not estimate.is_floating_point():
        kind = f"{estimate.dtype} {tuple(estimate.shape)}"
        return ProbeAnswer(problem=f"estimate of a query is {kind} instead of float ({length},)")
    if estimate.device.type != batch.mixture.device.type:
        return ProbeAnswer(problem=f"estimate is on {estimate.device} and its batch on {batch.mixture.device}")
    missing = length - len(estimate)
    if abs(missing) >= LENGTH_TOLERANCE_S * batch.sample_rate_hz:
        return ProbeAnswer(problem=f"estimate has {len(estimate)} samples and its query {length}")
    if not estimate.isfinite().all():
        return ProbeAnswer(problem="estimate holds NaN or inf")
    return ProbeAnswer(estimate=F.pad(estimate, (0, missing)).cpu())


def estimates_of(answers: Sequence[ProbeAnswer]) -> list[Tensor]:
    """The estimates of answers.

    Raises:
        ExtractionError: an answer has none; with the reason.
    """
    for answer in answers:
        if answer.problem or answer.refusal:
            raise ExtractionError(answer.problem or f"refused: {answer.refusal}")
    return [answer.estimate for answer in answers if answer.estimate is not None]


def difference_db(first: Tensor, second: Tensor) -> float:
    """10 log10(‖a − b‖² / ‖a‖²) of two estimates; −inf if they are identical."""
    reference, other = first.double(), second.double()
    error = float((reference - other).square().sum())
    energy = float(reference.square().sum())
    if error == 0:
        return -math.inf
    return 10 * math.log10(error / energy) if energy else math.inf


_Finding = tuple[bool, str]  # whether a check passed, and its detail


def check_system(
    system: AnySystem, *, sample_rate_hz: int, device: str = "cpu", lengths_s: Sequence[float] = LENGTHS_S
) -> list[CheckResult]:
    """Try a system on made-up queries with clues that fit its card.

    Args:
        system: any system, built on the device; an oracle gets made-up truths.
        sample_rate_hz: rate of the queries, if the card does not name one.
        lengths_s: durations of the mixtures that must be answered.

    Returns:
        One result for each check, in a fixed order. A check that does not apply passes and says so.
    """
    rate = system.card.sample_rate_hz or sample_rate_hz
    probed = ProbedSystem(system=system, sample_rate_hz=rate, device=device, lengths_s=lengths_s)
    return [CheckResult(name, *_checked(check, probed)) for name, check in _CHECKS.items()]


def _checked(check: Callable[[ProbedSystem], _Finding], probed: ProbedSystem) -> _Finding:
    try:
        return check(probed)
    except ExtractionError as error:  # from `estimates_of`
        return False, str(error)


def _lengths(probed: ProbedSystem) -> _Finding:
    """Mixtures of every length get a finite estimate of that length."""
    for duration_s in probed.lengths_s:
        try:
            estimates_of(probed.answers(probed.probe(f"length-{duration_s:g}s", duration_s)))
        except ExtractionError as error:
            return False, f"{duration_s:g} s: {error}"
    return True, f"{', '.join(f'{d:g}' for d in probed.lengths_s)} s answered"


def _batch_invariance(probed: ProbedSystem) -> _Finding:
    """The card says whether padding changes the answer."""
    probes = [probed.probe(f"padded-{k}", 0.6 + 0.47 * k) for k in range(3)]
    neutral = probed.system.card.padding_neutral
    same, detail = _alone_and_together(probed, probes)
    agrees = "agrees" if same == neutral else "does not agree"
    # Careless is wrong; careful without need only costs speed.
    return same or not neutral, f"{detail}; card.padding_neutral = {neutral} {agrees}"


def _equal_length_batch(probed: ProbedSystem) -> _Finding:
    """Neighbours of the same length never change an answer, whatever the card says."""
    return _alone_and_together(probed, [probed.probe(f"equal-{k}") for k in range(2)])


def _silence(probed: ProbedSystem) -> _Finding:
    """A mixture of zeros gets a finite estimate."""
    return _expect_estimate(probed, probed.probe("silence").scaled(0.0, suffix="in"))


def _levels(probed: ProbedSystem) -> _Finding:
    """Loud and quiet mixtures get finite estimates."""
    probe = probed.probe("level")
    loud, quiet = probe.scaled(_LOUD, suffix="loud"), probe.scaled(_QUIET, suffix="quiet")
    return _expect_estimate(probed, loud, quiet)


def _absent_target(probed: ProbedSystem) -> _Finding:
    """A mixture without the target gets a finite estimate."""
    return _expect_estimate(probed, probed.probe("absent").without_target(suffix="target"))


def _determinism(probed: ProbedSystem) -> _Finding:
    """The same query twice gets the same answer."""
    probe = probed.probe("twice")
    return _equality(probed.answers(probe), probed.answers(probe))


def _seeds(probed: ProbedSystem) -> _Finding:
    """The card says whether another seed gets another answer."""
    probe, stochastic = probed.probe("seed"), probed.system.card.stochastic
    first, second = (estimates_of(probed.answers(probe.with_seed(seed)))[0] for seed in (1, 2))
    level_db = difference_db(first, second)
    differs = level_db > SAME_DB
    agrees = "agrees" if differs == stochastic else "does not agree"
    found = "identical" if level_db == -math.inf else f"{level_db:.1f} dB of the output apart"
    return differs == stochastic, f"answers to two seeds are {found}; card.stochastic = {stochastic} {agrees}"


def _unknown_class(probed: ProbedSystem) -> _Finding:
    """A label outside of the vocabulary costs its own query only."""
    if probed.system.card.classes is None or "classes" not in probed.system.card.clues:
        return True, "does not apply: the card names no classes"
    known = probed.probe("known-class")
    unknown = probed.probe("class").asking(Clues(classes=(_UNKNOWN_CLASS,)), suffix="unknown")
    good, bad = probed.answers(known, unknown)
    estimates_of([good])
    if bad.problem:
        return False, bad.problem
    if bad.refusal is None:
        return False, f"{_UNKNOWN_CLASS!r} got an estimate; it must be a failure"
    return True, f"refused: {bad.refusal}"


def _missing_clue(probed: ProbedSystem) -> _Finding:
    """A query without any clue is refused or answered, but breaks nothing."""
    if not probed.system.card.clues:
        return True, "does not apply: the card names no clues"
    answer = probed.answers(probed.probe("clue").asking(Clues(), suffix="missing"))[0]
    if answer.problem:
        return False, answer.problem
    return True, f"refused: {answer.refusal}" if answer.refusal else "answered without"


_CHECKS: Mapping[str, Callable[[ProbedSystem], _Finding]] = {
    "lengths": _lengths,
    "batch_invariance": _batch_invariance,
    "equal_length_batch": _equal_length_batch,
    "silence": _silence,
    "levels": _levels,
    "absent_target": _absent_target,
    "determinism": _determinism,
    "seeds": _seeds,
    "unknown_class": _unknown_class,
    "missing_clue": _missing_clue,
}


def _expect_estimate(probed: ProbedSystem, *probes: Probe) -> _Finding:
    estimates_of(probed.answers(*probes))
    return True, "answered"


def _alone_and_together(probed: ProbedSystem, probes: Sequence[Probe]) -> _Finding:
    """Whether answers alone equal those in a batch."""
    together = probed.answers(*probes)
    return _equality([probed.answers(probe)[0] for probe in probes], together)


def _equality(first: Sequence[ProbeAnswer], second: Sequence[ProbeAnswer]) -> _Finding:
    """Whether estimates are equal up to rounding, and the largest difference."""
    level_db = max(map(difference_db, estimates_of(first), estimates_of(second)))
    if level_db == -math.inf:
        return True, "identical"
    return level_db <= SAME_DB, f"largest difference {level_db:.1f} dB of the output"
