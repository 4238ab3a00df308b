"""Protocols of metrics: batched on the device, of one file in a worker process, or of whole answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...core.arrays import Array
from ..outcome import Outcome, Submit

if TYPE_CHECKING:
    from torch import Tensor

    from ...datasets.types import Spans
    from ...systems.protocol import LabelledOutput

Scope = Literal["present", "absent", "any"]

PoolingName = Literal[
    "mean",
    "weighted_mean",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "micro_precision",
    "micro_recall",
    "micro_f1",
    "permuted_rate",
    "listeners",
]
"""Function from the values of a set to one number: their mean over trials; their mean weighted by
`Outcome.weight` (a word error rate: by words); a score of all class decisions together, which
`Outcome.detail` holds as `bench.statistics.pooling.decisions` writes them; all word errors under the best assignment of
answers to speakers in each recording, whose texts `Outcome.detail` holds; or the mean of all ratings of listeners,
whose interval resamples listeners too."""

Need = Literal[
    "transcript",
    "enrollment",
    "interferers",
    "class_probabilities",
    "mixture",
    "parts",
    "recognised",
    "activity",
    "outputs",
    "channels",
]
"""Inputs of a metric in addition to estimate and reference: the words of the target, the enrollment of the clue, the
other sources, the classes, words, activity or labelled outputs that the system finds, the parts of a target that is a
sum, the target at all channels; an improvement takes the mixture."""

_BEFORE_ALL = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """A batch to be scored: [B, T] each, zero past `lengths` [B], at one rate, on one device.

    Tensors; on a CPU arrays of NumPy for metrics that say so, see `takes_arrays`.
    """

    estimate: Array
    reference: Array
    mixture: Array
    lengths: Array
    sample_rate_hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInfo:
    """Everything that the harness and the reports need to know about a metric.

    `run.json` and `leaderboard.json` store it, so that a report needs no installed metric.

    Attributes:
        higher_is_better: direction; None: unknown, the metric is shown and never ranked by.
        label: name as papers write it ("SI-SDR"); "": the name, with spaces for underscores.
        order: place in tables, lower first; improvements come before all other metrics, and metrics without an order
            last, by name.
        rank_order: preference as the default ranking metric, lower first; None: after all that have one.
        improvement_rank_order: the same for its improvement.
        scope: "present" metrics compare with the reference and apply where the target is in the mixture; "absent" ones
            apply where it is not (FUQ); "any" apply to all trials.
        pooling: how the values of a set become one number, see `PoolingName`.
        improvement: name of value(system) − value(mixture), or None if it makes no sense.
        floor_db: least value of any answer, which replaces lower ones, or None.
        silent_db: value of a silent estimate, where the formula gives a lower one, or None; any other estimate keeps
            its own value, however low.
        needs_phase: it compares waveforms sample by sample, and so says nothing on a system whose phase is generated:
            it is shown for such a system, and never ranks it.
        needs_reference: where there is a target but no clean reference of it, as in real recordings, the metric does
            not apply (`no_reference`); a metric without this need takes the signal alone, words or times of activity.
        needs_reference_energy: a silent reference makes the value undefined.
        undefined_reason: why a NaN of a batched metric is undefined; None: it is a failure.
        parts: metrics that are computed with this one, and get rows of their own.
        part_of: the metric that this one is a part of: tables show it on demand, and never rank by it.
        reference_value: name of value(reference), the score of a perfect answer, or None.
        reference_limit: worst value of the references, pooled over a table, at which other values mean something; None:
            any. A recogniser that fails on clean references says nothing on estimates.
        options: required settings; a metric that has any is not part of a default choice.
        install: command that installs the models which required settings name otherwise; "": it runs none of a package.
        needs: what must be known for any value; a run or `score` that knows it of no trial is refused.
    """

    name: str
    unit: str = ""
    higher_is_better: bool | None = None
    description: str = ""
    label: str = ""
    order: int | None = None
    rank_order: int | None = None
    improvement_rank_order: int | None = None
    scope: Scope = "present"
    pooling: PoolingName = "mean"
    improvement: str | None = None
    floor_db: float | None = None
    silent_db: float | None = None
    needs_phase: bool = False
    needs_reference: bool = True
    needs_reference_energy: bool = True
    undefined_reason: str | None = None
    parts: tuple[MetricInfo, ...] = ()
    part_of: str | None = None
    reference_value: str | None = None
    reference_limit: float | None = None
    options: tuple[str, ...] = ()
    install: str = ""
    needs: tuple[Need, ...] = ()

    @property
    def can_rank(self) -> bool:
        """Whether tables can be sorted by it: it has a direction and is not part of another metric."""
        return self.higher_is_better is not None and self.part_of is None

    @property
    def title(self) -> str:
        """Label, or the name with spaces."""
        return self.label or self.name.replace("_", " ")

    def family(self) -> Iterator[MetricInfo]:
        """The metric, then what is derived from it: parts, values of the reference, improvement."""
        yield self
        yield from self.parts
        for each in (self, *self.parts):
            if each.reference_value is not None:
                yield each.reference_info(each.reference_value)
        if self.improvement is not None:
            yield self.improvement_info(self.improvement)

    def improvement_info(self, name: str) -> MetricInfo:
        """Facts of value(system) − value(mixture)."""
        return replace(
            self._derived(name, f"{self.name} of the system − {self.name} of the mixture"),
            label=f"{self.label}i" if self.label else "",
            order=None if self.order is None else self.order - _BEFORE_ALL,
            rank_order=self.improvement_rank_order,
        )

    def reference_info(self, name: str) -> MetricInfo:
        """Facts of value(reference)."""
        info = self._derived(name, f"{self.name} of the reference itself")
        return replace(info, label="", rank_order=None, needs_reference=True)

    def _derived(self, name: str, description: str) -> MetricInfo:
        return replace(
            self,
            name=name,
            description=description,
            improvement_rank_order=None,
            improvement=None,
            floor_db=None,
            silent_db=None,
            parts=(),
            reference_value=None,
            reference_limit=None,
            options=(),
            install="",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts on a trial and its answer, apart from the three signals.

    Attributes:
        interferers: [S, T] sources of the mixture that are not the target, or None if unknown.
        interferer_roles: "foreground" or "background" of each interferer; none: unknown.
        transcript: words of the target, or None.
        language: of these words, a code such as "en"; "": unknown.
        speech_times: when the target speaks, (start, end) in s, or None; known where there is no reference to tell.
        recognised: words that the system itself recognised, or None.
        activity: [K] probability that the enrolled speaker speaks in each 10 ms, as the system finds it, or None.
        active_classes: sound classes of the mixture.
        classes: vocabulary of `class_probabilities` [K], or None.
        enrollment: [T_e] the first enrollment at the rate of the signals, or None.
        parts: [T] of each source of the target by its id, see `Truth`.
        part_labels: classes of the parts, in their order.
        outputs: sounds with their labels that the system found, or None if it gives none. Those of an `Answered` have
            the length of the trial.
        outputs_failure: why the outputs cannot be judged, "" if they can.
        reference_channels: [C, T] the target at all channels, or None if there is one, or none.
        estimate_channels: [C, T] the answer at all channels, or None if it has one.
    """

    interferers: Tensor | None = None
    interferer_roles: tuple[str, ...] = ()
    transcript: str | None = None
    language: str = ""
    speech_times: Spans | None = None
    recognised: str | None = None
    activity: Tensor | None = None
    active_classes: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    class_probabilities: Tensor | None = None
    enrollment: Tensor | None = None
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    part_labels: tuple[str, ...] = ()
    outputs: tuple[LabelledOutput, ...] | None = None
    outputs_failure: str = ""
    reference_channels: Tensor | None = None
    estimate_channels: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer that can be judged: signals [T] of one length.

    Tensors; on a CPU arrays of NumPy for metrics that say so, see `takes_arrays`.

    Attributes:
        reference: zero if the target is absent, or if there is no reference.
        referenced: False where the target is in the mixture and has no clean reference.
    """

    trial_id: str
    estimate: Array
    reference: Array
    mixture: Array
    facts: Facts
    referenced: bool = True


@runtime_checkable
class BatchMetric(Protocol):
    """A metric computed for a batch on the device; see `takes_arrays` for what its signals are."""

    info: MetricInfo

    def signature(self, sample_rate_hz: int) -> str:
        """Name and every setting that changes the value, joined by `|`."""
        ...

    def compute(self, signals: Signals) -> Array:
        """Values [B], float64.

        For finite, non-silent input NaN is returned only where the metric is not defined, and `info.undefined_reason`
        says why.
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
    """A metric of whole answers: of transcripts, classes or the other sources."""

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
            submit: runs a job in a worker process; its exceptions become a status.
        """
        ...


Metric = BatchMetric | FileMetric | AnswerMetric


def takes_arrays(metric: Metric) -> bool:
    """Whether a metric takes signals on a CPU as arrays of NumPy: it has an attribute `takes_arrays` that is true.

    Then it needs no torch there. Any other metric gets tensors on every device; on a GPU all do, so that a metric that
    takes arrays is written over the functions that both have (`core.arrays`).
    """
    return bool(getattr(metric, "takes_arrays", False))
