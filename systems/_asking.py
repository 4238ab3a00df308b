"""Asking a system as the harness does, and sorting out what comes back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..errors import ExtractionError, TsebenchError
from ._probes import Probe, collate, make_probe
from .protocol import AnySystem, Extraction, PrivilegedSystem, QueryBatch

# What code of others is known to raise; whatever else comes out ends the program, as it should.
_CRASHES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    TsebenchError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one query: an estimate [T], or a refusal, or a breach of contract."""

    estimate: Tensor | None = None
    refusal: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A system, and where and how it is tried."""

    system: AnySystem
    sample_rate_hz: int
    seed: int
    device: str
    lengths_s: tuple[float, ...]

    def probe(self, name: str, duration_s: float = 1.0) -> Probe:
        """A made-up query that fits the system's card."""
        return make_probe(
            self.system.card,
            name=name,
            duration_s=duration_s,
            sample_rate_hz=self.sample_rate_hz,
            seed=self.seed,
        )

    def ask(self, *probes: Probe) -> list[Answer]:
        """Answers to one batch; a batch that is refused as a whole is asked one by one."""
        batch = collate([probe.query for probe in probes], device=self.device)
        untouched = batch.mixture.clone()
        try:
            extraction = self._extract(batch, probes)
        except ExtractionError as error:
            if len(probes) > 1:
                return [self.ask(probe)[0] for probe in probes]
            return [Answer(refusal=str(error))]
        except _CRASHES as error:
            line = " ".join(str(error).split())
            return [Answer(problem=f"raised {type(error).__name__}: {line}")] * len(probes)
        if not untouched.equal(batch.mixture):
            return [Answer(problem="changed the mixture of its batch in place")] * len(probes)
        return _sort_out(extraction, batch)

    def _extract(self, batch: QueryBatch, probes: Sequence[Probe]) -> Extraction:
        if isinstance(self.system, PrivilegedSystem):
            return self.system.extract_with_truth(batch, [probe.truth for probe in probes])
        return self.system.extract(batch)


def _sort_out(extraction: Extraction, batch: QueryBatch) -> list[Answer]:
    """One answer for each query; what breaks the contract becomes a problem."""
    estimate, expected = extraction.estimate, (len(batch.ids), batch.mixture.shape[-1])
    problem = None
    if tuple(estimate.shape) != expected:
        problem = f"estimate has shape {tuple(estimate.shape)} instead of {expected}"
    elif not estimate.is_floating_point():
        problem = f"estimate has dtype {estimate.dtype} instead of float"
    elif estimate.device.type != batch.mixture.device.type:
        problem = f"estimate is on {estimate.device} and its batch on {batch.mixture.device}"
    elif set(extraction.failures) - set(batch.ids):
        problem = f"failures names unknown ids {sorted(set(extraction.failures) - set(batch.ids))}"
    if problem:
        return [Answer(problem=problem)] * len(batch.ids)
    answers = []
    for query_id, row, length in zip(batch.ids, estimate, batch.lengths.tolist(), strict=True):
        if query_id in extraction.failures:
            answers.append(Answer(refusal=extraction.failures[query_id]))
        elif not row[:length].isfinite().all():
            answers.append(Answer(problem="estimate holds NaN or inf"))
        else:
            answers.append(Answer(estimate=row[:length].cpu()))
    return answers


def complaint_of(answers: Sequence[Answer]) -> str | None:
    """The first reason why one of the answers is no estimate."""
    for answer in answers:
        if answer.problem:
            return answer.problem
        if answer.refusal:
            return f"refused: {answer.refusal}"
    return None


def difference_db(first: Answer, second: Answer) -> float:
    """10 log10(‖a − b‖² / ‖a‖²) of two estimates; −inf if they are identical."""
    if first.estimate is None or second.estimate is None:
        return math.nan
    reference, other = first.estimate.double(), second.estimate.double()
    error = float((reference - other).square().sum())
    energy = float(reference.square().sum())
    if error == 0:
        return -math.inf
    return 10 * math.log10(error / energy) if energy else math.inf
