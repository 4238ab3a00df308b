"""What a metric is. Two shapes: batched on the device, or one file at a time in a process pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

Scope = Literal["present", "absent"]


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
            mixture; "absent" ones apply where it is not (FUQ).
        improvement: name of value(system) − value(mixture), or None if it makes no sense.
        floor_db: value given to a silent estimate and to anything below it, or None.
        needs_reference_energy: a silent reference makes the value undefined.
        undefined_reason: why a value of a batched metric that is NaN is undefined; without it NaN
            is a failure.
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


class UndefinedValueError(Exception):
    """A per-file metric has no value for this input; the message is the reason of the row."""


class FailedValueError(Exception):
    """A per-file metric broke on this input; the message is the reason of the row."""


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

    def compute(
        self,
        *,
        estimate: NDArray[np.float32],
        reference: NDArray[np.float32],
        sample_rate_hz: int,
    ) -> float:
        """The value for mono signals [T] of one length.

        Raises:
            UndefinedValueError: the metric is not defined here.
            FailedValueError: the metric broke.
        """
        ...


Metric = BatchMetric | FileMetric

METRICS: Registry[Metric] = Registry(
    "metric", package="tsebench.bench.metrics", group="tsebench.metrics"
)
