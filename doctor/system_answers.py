"""Answers of a system to made-up queries, and how they break the contract of `Extraction`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from ..bench.inference.ask import Failure, ask, guarded
from ..core.errors import ExtractionError
from ..systems.protocol import LENGTH_TOLERANCE_S, AnySystem, Extraction, QueryBatch
from ..systems.shared.batches import collate
from ..systems.shared.probes import Probe, make_probe


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
            return [ProbeAnswer(refusal=str(extraction.error))]
        if not untouched.equal(batch.mixture):
            return [ProbeAnswer(problem="changed the mixture of its batch in place")] * len(probes)
        return _sort_out(extraction, batch)


def _sort_out(extraction: Extraction, batch: QueryBatch) -> list[ProbeAnswer]:
    """One answer for each query; a breach of the contract becomes a problem."""
    problem = _breach(extraction, batch)
    if problem:
        return [ProbeAnswer(problem=problem)] * len(batch.ids)
    padded = isinstance(extraction.estimate, Tensor)
    rows = zip(batch.ids, extraction.estimate, batch.lengths.tolist(), strict=True)
    return [
        ProbeAnswer(refusal=extraction.failures[query_id])
        if query_id in extraction.failures
        else _judged(row[:length] if padded else row, length, batch)
        for query_id, row, length in rows
    ]


def _breach(extraction: Extraction, batch: QueryBatch) -> str | None:
    """Fault in the answer to a batch as a whole."""
    estimate, expected = extraction.estimate, (len(batch.ids), batch.mixture.shape[-1])
    if isinstance(estimate, Tensor) and tuple(estimate.shape) != expected:
        return f"estimate has shape {tuple(estimate.shape)} instead of {expected}"
    if len(estimate) != len(batch.ids):
        return f"estimate has {len(estimate)} tensors for {len(batch.ids)} queries"
    unknown = sorted(set(extraction.failures) - set(batch.ids))
    return f"failures names unknown ids {unknown}" if unknown else None


def _judged(estimate: object, length: int, batch: QueryBatch) -> ProbeAnswer:
    """The estimate of one query, brought to its length as the scorer does, or its fault."""
    if not isinstance(estimate, Tensor):
        return ProbeAnswer(problem=f"estimate is a {type(estimate).__name__} instead of a tensor")
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
