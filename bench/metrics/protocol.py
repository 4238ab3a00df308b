"""What a metric is.

Three shapes: batched on the device, one file at a time in a process pool, or of whole answers
(signals, what was said, what classes were found), which may use either.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..outcome import Outcome, Submit

if TYPE_CHECKING:
    from torch import Tensor

Scope = Literal["present", "absent", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """A batch to be scored: [B, T] each, zero past `lengths` [B], at one rate, on one device."""

    estimate: Tensor
    reference: Tensor
    mixture: Tensor
    lengths: Tensor
    sample_rate_hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInfo:
    """What a report needs to know of a metric.

    Attributes:
        scope: "present" metrics compare with the reference and apply where the target is in the
            mixture; "absent" ones apply where it is not (FUQ); "any" apply to all trials.
        improvement: name of value(system) − value(mixture), or None if it makes no sense.
        floor_db: value given to a silent estimate and to anything below it, or None.
        needs_reference_energy: a silent reference makes the value undefined.
        undefined_reason: why a value of a batched metric that is NaN is undefined; without it NaN
            is a failure.
        pooled: its mean weighs trials by the weight of the outcome (a word error rate).
        parts: metrics that are computed with this one, and get rows of their own.
        part_of: the metric that this one is a part of: tables show it on demand.
        reference_value: name under which the value of the reference itself stands beside it, or
            None: what the judge makes of a perfect answer.
        options: settings that it cannot do without; it is no part of a default choice of metrics.
    """

    name: str
    unit: str
    higher_is_better: bool
    description: str
    scope: Scope = "present"
    improvement: str | None = None
    floor_db: float | None = None
    needs_reference_energy: bool = True
    undefined_reason: str | None = None
    pooled: bool = False
    parts: tuple[MetricInfo, ...] = ()
    part_of: str | None = None
    reference_value: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a trial and its answer beside the three signals.

    Attributes:
        interferers: [S, T] sources of the mixture that are not the target, or None if unknown.
        transcript: what the target says, or None.
        active_classes: sound classes of the mixture.
        classes: what `class_probabilities` [K] are of, or None.
        enrollment: [T_e] the first enrollment at the rate of the signals, or None.
    """

    interferers: Tensor | None = None
    transcript: str | None = None
    active_classes: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    class_probabilities: Tensor | None = None
    enrollment: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer that can be judged: signals [T] of one length, the reference zero if absent."""

    trial_id: str
    estimate: Tensor
    reference: Tensor
    mixture: Tensor
    facts: Facts


@runtime_checkable
class BatchMetric(Protocol):
    """A metric computed for a batch on the device."""

    info: MetricInfo

    def signature(self, sample_rate_hz: int) -> str:
        """Name and every setting that changes the value, joined by `|`."""
        ...

    def compute(self, signals: Signals) -> Tensor:
        """Values [B], float64.

        For finite, non-silent input NaN is returned only where the metric is not defined, and
        `info.undefined_reason` says why.
        """
        ...


@runtime_checkable
class FileMetric(Protocol):
    """A metric computed one file at a time on the CPU; instances can be pickled."""

    info: MetricInfo

    def signature(self, sample_rate_hz: int) -> str:
        """Name, package version and every setting that changes the value, joined by `|`."""
        ...

    def compute_file(
        self, *, estimate: NDArray[np.float32], reference: NDArray[np.float32], sample_rate_hz: int
    ) -> float:
        """The value for mono signals [T] of one length.

        Raises:
            UndefinedValueError: the metric is not defined here.
            FailedValueError: the metric broke.
        """
        ...


@runtime_checkable
class AnswerMetric(Protocol):
    """A metric of whole answers: of what was said, of classes, of the other sources."""

    info: MetricInfo

    def signature(self, sample_rate_hz: int) -> str:
        """Name and every setting that changes the value, joined by `|`."""
        ...

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """One outcome for each answer, which does not depend on the others.

        Args:
            answers: of any lengths.
            sample_rate_hz: of all signals.
            submit: runs a job in a worker process; what it raises becomes a status.
        """
        ...


Metric = BatchMetric | FileMetric | AnswerMetric
