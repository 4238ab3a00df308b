"""The scoring engine: signals in, one score for each trial and metric out, whatever goes wrong.

Nothing that a system does can make a score vanish or stop a run: an edge is a score with a status and a reason. The
policy is in `edges.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ...core.arrays import Array, as_array, as_tensor, without_gradients
from ...core.processors import one_blas_thread
from ..metrics.protocol import AnswerMetric, FileMetric, Metric, MetricInfo, Signals, takes_arrays
from ..outcome import NO_REFERENCE, Job, Outcome, Score, Status
from . import batch_job
from .batch_job import BatchJob, of_workers, stacked
from .edges import CheckedAnswer, Scorable, check, is_silent, over, verdict
from .guarded_metrics import answer_outcomes, batch_outcomes
from .plan import DerivedMetric, MetricPlan
from .pool import FilePool

MAX_SAMPLES = 1 << 23
"""Samples of a padded group, 64 MB for each of its three float64 signals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _PendingScore:
    """A score that may still be under way, and those of its parts; it holds no signals.

    Attributes:
        floor: least value, or None; see `_floor`.
    """

    trial_id: str
    info: MetricInfo
    signature: str
    notes: tuple[str, ...]
    floor: float | None
    outcome: Outcome | Future[Outcome]

    def scores(self) -> list[Score]:
        """Wait for the value and its parts."""
        found = self.outcome.result() if isinstance(self.outcome, Future) else self.outcome
        whole = self._score(found)
        parts = found.parts or (math.nan,) * len(self.info.parts)
        return [whole] + [
            replace(whole, metric=info.name, signature=f"{info.name}|{self.signature}", value=value, detail="")
            for info, value in zip(self.info.parts, parts, strict=True)
        ]

    def _score(self, found: Outcome) -> Score:
        """The score, raised to its floor."""
        value, reason, floor = found.value, found.reason, self.floor
        if found.status == "ok":
            notes = list(self.notes)
            if floor is not None and value < floor:
                value = floor
                notes.append("floored")
            reason = ";".join(notes)
        return Score(
            trial_id=self.trial_id,
            metric=self.info.name,
            signature=self.signature,
            value=value,
            status=found.status,
            reason=reason,
            weight=found.weight,
            detail=found.detail,
        )


_Groups = dict[tuple[int, ...], list[tuple[tuple[int, ...], Signals]]]
"""By rows of a batch: parts of these rows, each with its signals padded to one length, on the device."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A batch while its metrics are computed.

    Attributes:
        rows: by metric, the answers that it is computed of.
        groups: padded signals for the next metric of the same rows.
        begun: by metric and row, what workers compute.
    """

    checked: Sequence[CheckedAnswer]
    rows: dict[int, tuple[int, ...]]
    groups: _Groups = field(default_factory=dict)
    begun: dict[int, dict[int, Future[Outcome]]] = field(default_factory=dict)


class Pending:
    """Scores of a batch, some of which the pool may still be computing."""

    def __init__(self, cells: Sequence[_PendingScore]) -> None:
        self._cells = cells
        self._scores: list[Score] | None = None

    @property
    def done(self) -> bool:
        """Whether `result` comes without waiting."""
        outcomes = (cell.outcome for cell in self._cells)
        return all(o.done() for o in outcomes if isinstance(o, Future))

    def result(self) -> list[Score]:
        """Wait; scores of each trial (outer), metric and its parts, in the order submitted.

        Raises:
            TsebenchError: the pool cannot start a worker process.
        """
        if self._scores is None:
            self._scores = [score for cell in self._cells for score in cell.scores()]
            self._cells = ()
        return self._scores


class Scorer:
    """Computes the base metrics of a plan: batched ones on the device in float64, file metrics in the pool.

    On a CPU signals are arrays of NumPy, and tensors only for metrics that do not take these: torch takes a second to
    import, and is not imported for any other.

    Args:
        in_workers: on a CPU the pool computes batched metrics too, where it can.
    """

    def __init__(
        self, plan: MetricPlan, *, sample_rate_hz: int, device: str, pool: FilePool, in_workers: bool = False
    ) -> None:
        self.plan = plan
        self.sample_rate_hz = sample_rate_hz
        self.device = device
        self._on_cpu = device == "cpu"
        self._pool = pool
        given = of_workers(plan.metrics) if in_workers and self._on_cpu else ()
        self._of_workers = {id(metric): metric for metric in given}

    def submit(self, batch: Sequence[Scorable]) -> Pending:
        """Score a batch: batched metrics now, file metrics in the pool.

        Values do not depend on what else is in the batch.

        Raises:
            torch.OutOfMemoryError: a group of the batch does not fit on the device.
        """
        checked = [check(over(item, arrays=self._on_cpu), self.sample_rate_hz) for item in batch]
        known = {id(metric): [verdict(metric.info, item) for item in checked] for metric in self.plan.metrics}
        work = _Work(
            checked, {name: tuple(row for row, o in enumerate(each) if o is None) for name, each in known.items()}
        )
        # The pool begins with its part while this process does its own.
        order = sorted(self.plan.metrics, key=lambda metric: isinstance(metric, FileMetric), reverse=True)
        with one_blas_thread():  # parts of a batch share the threads
            found = {id(metric): self._column(metric, known[id(metric)], work) for metric in order}
        columns = [found[id(metric)] for metric in self.plan.metrics]
        return Pending([cell for row in zip(*columns, strict=True) for cell in row])

    def _column(self, metric: Metric, known: Sequence[Outcome | None], work: _Work) -> list[_PendingScore]:
        """One metric for every item, of which some outcomes are known."""
        computed = self._values(metric, work)
        build = partial(_PendingScore, info=metric.info, signature=metric.signature(self.sample_rate_hz))
        outcomes = [outcome or computed[row] for row, outcome in enumerate(known)]
        return [
            build(trial_id=item.trial_id, notes=item.notes, floor=_floor(metric.info, outcome, item), outcome=outcome)
            for outcome, item in zip(outcomes, work.checked, strict=True)
        ]

    def _values(self, metric: Metric, work: _Work) -> dict[int, Outcome | Future[Outcome]]:
        rows, checked = work.rows[id(metric)], work.checked
        rate_hz = self.sample_rate_hz
        if isinstance(metric, AnswerMetric):
            answers = [self._as_taken_by(metric, checked[row]) for row in rows]
            with without_gradients():
                outcomes = answer_outcomes(metric, answers, sample_rate_hz=rate_hz, submit=self._pool.submit)
            return dict(zip(rows, outcomes, strict=True))
        if isinstance(metric, FileMetric):
            return {row: self._pool.submit(_file_job(metric, checked[row], rate_hz)) for row in rows}
        if id(metric) in self._of_workers:
            if id(metric) not in work.begun:
                self._begin(rows, work)
            return dict(work.begun[id(metric)])
        if rows not in work.groups:
            work.groups[rows] = list(self._padded(rows, checked))
        found: dict[int, Outcome | Future[Outcome]] = {}
        for part, signals in work.groups[rows]:
            taken = self._signals_for(metric, signals)
            with without_gradients():
                found.update(zip(part, batch_outcomes(metric, taken), strict=True))
        return found

    def _begin(self, rows: tuple[int, ...], work: _Work) -> None:
        """Have workers compute all metrics of theirs that take these rows."""
        metrics = [metric for metric in self._of_workers.values() if work.rows[id(metric)] == rows]
        work.begun.update({id(metric): {} for metric in metrics})
        lengths = [len(item.mixture) for item in work.checked]
        for part in _parts(rows, lengths, most_samples=batch_job.MOST_SAMPLES, most=batch_job.MOST_TRIALS):
            items = [work.checked[row] for row in part]
            job = BatchJob(
                metrics=tuple(metrics),
                estimates=tuple(item.estimate for item in items),
                references=tuple(item.reference for item in items),
                mixtures=tuple(item.mixture for item in items),
                sample_rate_hz=self.sample_rate_hz,
            )
            futures = iter(self._pool.submit_together(job, len(metrics) * len(part)))
            for metric in metrics:
                work.begun[id(metric)].update(zip(part, futures))  # noqa: B905 - the next metric takes the rest

    def _as_taken_by(self, metric: Metric, answer: CheckedAnswer) -> CheckedAnswer:
        return answer if not self._on_cpu or takes_arrays(metric) else over(answer, arrays=False)

    def _signals_for(self, metric: Metric, signals: Signals) -> Signals:
        """Signals as a metric takes them: tensors have the memory of the arrays."""
        if not self._on_cpu or takes_arrays(metric):
            return signals
        tensors = {name: as_tensor(getattr(signals, name)) for name in ("estimate", "reference", "mixture", "lengths")}
        return replace(signals, **tensors)

    def _padded(
        self, rows: Sequence[int], checked: Sequence[CheckedAnswer]
    ) -> Iterator[tuple[tuple[int, ...], Signals]]:
        for part in _parts(rows, [len(item.mixture) for item in checked], most_samples=MAX_SAMPLES):
            items = [checked[row] for row in part]
            signals = Signals(
                estimate=self._stack([item.estimate for item in items]),
                reference=self._stack([item.reference for item in items]),
                mixture=self._stack([item.mixture for item in items]),
                lengths=self._lengths([len(item.mixture) for item in items]),
                sample_rate_hz=self.sample_rate_hz,
            )
            yield part, signals

    def _lengths(self, lengths: Sequence[int]) -> Array:
        found = np.array(lengths, np.int64)
        return found if self._on_cpu else as_tensor(found).to(self.device)

    def _stack(self, signals: Sequence[Array]) -> Array:
        """[B, T] float64 on the device, zero past the end of each signal."""
        if self._on_cpu:
            return stacked(signals)
        from torch.nn.utils.rnn import pad_sequence  # noqa: PLC0415 - see the class

        if len({signal.dtype for signal in signals}) > 1:
            signals = [signal.to(self.device).double() for signal in signals]
        # Else all go at once, as they are, and become float64 there.
        padded = pad_sequence(list(signals), batch_first=True)
        return padded.to(self.device).double()


def _floor(info: MetricInfo, outcome: Outcome | Future[Outcome], item: CheckedAnswer) -> float | None:
    """Least value of one answer: that of the metric, or that of silence if the estimate is silent."""
    silent = info.silent_db
    if silent is None or (isinstance(outcome, Outcome) and not outcome.value < silent):
        return info.floor_db
    return silent if is_silent(item.estimate) else info.floor_db


def _file_job(metric: FileMetric, item: CheckedAnswer, rate_hz: int) -> Job:
    estimate, reference = (np.asarray(as_array(s), np.float32) for s in (item.estimate, item.reference))
    return partial(metric.compute_file, estimate=estimate, reference=reference, sample_rate_hz=rate_hz)


def improvements(plan: MetricPlan, *, system: Sequence[Score], mixture: Sequence[Score]) -> list[Score]:
    """value(system) − value(mixture) for every improvement of the plan, joined by trial.

    A score that is not ok propagates with its reason; what comes from the mixture is marked by `mixture:`. The
    mixture's scores are of the same trials and signatures; those of the system may be of other metrics, too.
    """
    return _joined(plan.improvements, system, mixture, _difference)


def reference_values(
    plan: MetricPlan, *, system: Sequence[Score], reference: Sequence[Score], unreferenced: bool = False
) -> list[Score]:
    """Values of the references themselves, for each trial of a system, from their scores with the same signatures.

    Args:
        unreferenced: the trials have no references, so that these values do not apply.
    """
    values = _joined(plan.reference_values, system, reference, _of_reference)
    if not unreferenced:
        return values
    return [replace(v, value=math.nan, status="undefined", reason=NO_REFERENCE, detail="") for v in values]


def _joined(
    derived: Sequence[DerivedMetric],
    system: Sequence[Score],
    other: Sequence[Score],
    combine: Callable[[DerivedMetric, Score, Score | None], Score],
) -> list[Score]:
    """Derived scores from those of a system, and the others of the same trial and signature."""
    known = {(score.trial_id, score.signature): score for score in other}
    wanted = {metric.source: metric for metric in derived}
    return [
        combine(wanted[score.metric], score, known.get((score.trial_id, score.signature)))
        for score in system
        if score.metric in wanted
    ]


def _of_reference(metric: DerivedMetric, system: Score, reference: Score | None) -> Score:
    missing = replace(system, value=math.nan, status="failed", reason="reference:missing", detail="")
    signature = f"{metric.info.name}|{system.signature}"
    return replace(reference or missing, metric=metric.info.name, signature=signature)


def _difference(metric: DerivedMetric, system: Score, mixture: Score | None) -> Score:
    value = math.nan
    status: Status = "failed"
    if system.status != "ok":
        status, reason = system.status, system.reason
    elif mixture is None:
        reason = "mixture:missing"
    elif mixture.status != "ok":
        status, reason = mixture.status, f"mixture:{mixture.reason}"
    else:
        value, status = system.value - mixture.value, "ok"
        marked = [f"mixture:{note}" for note in mixture.reason.split(";") if note]
        reason = ";".join(filter(None, [system.reason, *marked]))
    name = metric.info.name
    signature = f"{name}|{system.signature}"
    return Score(trial_id=system.trial_id, metric=name, signature=signature, value=value, status=status, reason=reason)


def _parts(
    rows: Sequence[int], lengths: Sequence[int], *, most_samples: int, most: int | None = None
) -> Iterator[tuple[int, ...]]:
    """Rows in groups of at most so many, and of at most so many samples when padded; similar lengths go together."""
    part: list[int] = []
    for row in sorted(rows, key=lambda row: lengths[row]):
        if part and ((len(part) + 1) * lengths[row] > most_samples or len(part) == most):
            yield tuple(part)
            part = []
        part.append(row)
    if part:
        yield tuple(part)
