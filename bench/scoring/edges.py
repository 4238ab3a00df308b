"""The edge policy: which answers are scored, and the status of values that cannot be computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from ...core.arrays import Array, as_array, as_tensor, ended, namespace, zeros
from ...systems.shared.lengths import LENGTH_TOLERANCE_S, wrong_length
from ..metrics.protocol import Answered, Facts, MetricInfo
from ..outcome import NO_REFERENCE, TOO_SHORT, Outcome, failed, undefined

SILENCE = 1e-30

T = TypeVar("T", "Scorable", "CheckedAnswer")

_SIGNALS = ("estimate", "reference", "mixture")
_SIGNALS_OF_FACTS = (
    *("interferers", "activity", "class_probabilities"),
    *("enrollment", "reference_channels", "estimate_channels"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorable:
    """One answer to one trial; mono signals [T] at one rate, unpadded: arrays of NumPy, or tensors on any device.

    Attributes:
        estimate: the system's output as it is, or None if it failed.
        reference: the target, or None if it is absent from the mixture, or has no clean reference.
        unreferenced: the target is in the mixture, but there is no clean reference of it.
        failure: why there is no estimate.
        notes: a remark that goes into the reason of every ok score.
    """

    trial_id: str
    estimate: Array | None
    reference: Array | None
    mixture: Array
    unreferenced: bool = False
    failure: str | None = None
    notes: str = ""
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedAnswer(Answered):
    """A scorable that went through the checks; its signals [T] have one length.

    Attributes:
        reference: zeros if the target is absent, or if there is no reference.
        present: the target is in the mixture.
        silent: the reference is silent, or the mixture if there is no reference.
        failure: why the estimate is not scored.
        notes: remarks for the reason of an ok score.
    """

    present: bool
    silent: bool
    failure: str | None
    notes: tuple[str, ...]


def check(item: Scorable, sample_rate_hz: int) -> CheckedAnswer:
    """Check an answer, and bring a usable one to the length of the trial.

    A length that is off by less than 10 ms is trimmed or zero-padded at the end, and noted.
    """
    judge = item.mixture if item.reference is None else item.reference
    length = len(judge)
    failure, note = _fault(item, length, sample_rate_hz)
    usable = item.estimate if failure is None else None
    return CheckedAnswer(
        trial_id=item.trial_id,
        estimate=_fit(zeros(judge, 0) if usable is None else usable, length),
        reference=zeros(judge, length) if item.reference is None else judge,
        mixture=_fit(item.mixture, length),
        present=item.reference is not None or item.unreferenced,
        referenced=not item.unreferenced,
        silent=is_silent(judge),
        failure=failure,
        notes=tuple(remark for remark in (item.notes, note) if remark),
        facts=_with_channels(_with_outputs(item.facts, length, sample_rate_hz), length),
    )


def swapped(item: Scorable, sample_rate_hz: int) -> Scorable:
    """The item with estimate and reference exchanged, after the checks of the estimate."""
    checked = check(item, sample_rate_hz)
    return replace(item, estimate=checked.reference, reference=checked.estimate, failure=checked.failure)


def verdict(info: MetricInfo, item: CheckedAnswer) -> Outcome | None:
    """The outcome of a value that cannot be computed, or None if it can be.

    In this order: the metric does not apply to the trial (the same for every system, so that also a failing system has
    the same trials); the system failed, or its estimate is unusable; there is nothing to compare with. A silent
    estimate is computed like any other: its SNR is 0 dB, and where the formula has no value the ratios give their least
    one, which the metric's value of silence replaces (`MetricInfo.silent_db`).
    """
    if reason := _inapplicable(info, item):
        return undefined(reason)
    if item.failure is not None:
        return failed(item.failure)
    if item.silent and not (item.present and item.referenced):
        return undefined("silent_mixture")
    if item.silent and info.needs_reference_energy:
        return undefined("silent_reference")
    return None


def _inapplicable(info: MetricInfo, item: CheckedAnswer) -> str:
    """Why a metric does not apply to a trial, whatever the answer; "" if it does."""
    if info.scope == "present" and not item.present:
        return "absent_target"
    if info.scope == "absent" and item.present:
        return "present_target"
    return NO_REFERENCE if info.needs_reference and not item.referenced else ""


def settled(info: MetricInfo, value: float, *, samples: int, sample_rate_hz: int) -> Outcome:
    """Turn a raw batched value of a trial of `samples` into an outcome (ok, undefined or failed)."""
    if math.isfinite(value):
        return Outcome(value=value, status="ok")
    if math.isnan(value) and info.undefined_reason is not None:
        short = f": {samples} samples at {sample_rate_hz} Hz" if info.undefined_reason == TOO_SHORT else ""
        return undefined(f"{info.undefined_reason}{short}")
    return failed("non_finite_value")


def is_silent(signal: Array) -> bool:
    """Whether a signal [T] carries no sound: it is empty or constant.

    A low level alone is not silence, because every ratio is exact at 1e-12 of full scale too. Only a swing under 1e-30
    (−600 dB, far below the rounding of any signal chain) counts as none. A constant is an offset without sound, and
    zero once the mean is removed.
    """
    return not len(signal) or float(signal.max()) - float(signal.min()) <= SILENCE


def _with_channels(facts: Facts, length: int) -> Facts:
    """The facts with the answer at all channels, at the length of the trial."""
    given = facts.estimate_channels
    return facts if given is None else replace(facts, estimate_channels=_fit(given, length))


def _with_outputs(facts: Facts, length: int, sample_rate_hz: int) -> Facts:
    """The facts with labelled outputs of the length of the trial, or why these cannot be judged."""
    if not facts.outputs:
        return facts
    for place, each in enumerate(facts.outputs, 1):
        problem, _ = _signal_fault(each.signal, length, sample_rate_hz, other="mixture")
        if problem is not None:
            return replace(facts, outputs=(), outputs_failure=f"output {place} ({each.label}): {problem}")
    fitted = (replace(each, signal=_fit(each.signal, length)) for each in facts.outputs)
    return replace(facts, outputs=tuple(fitted))


def _fault(item: Scorable, length: int, sample_rate_hz: int) -> tuple[str | None, str]:
    """Why an estimate cannot be scored; a remark if it can."""
    if item.failure is not None or item.estimate is None:
        return item.failure or "no_estimate", ""
    other = "mixture" if item.reference is None else "reference"
    return _signal_fault(item.estimate, length, sample_rate_hz, other=other)


def _signal_fault(estimate: Array, length: int, sample_rate_hz: int, *, other: str) -> tuple[str | None, str]:
    """Why a signal cannot be scored; a remark if it can."""
    if problem := _no_signal(estimate, f"{other} has [{length}]"):
        return problem, ""
    samples = len(estimate)
    if abs(samples - length) >= LENGTH_TOLERANCE_S * sample_rate_hz:
        return wrong_length(samples, length, other), ""
    if samples == length:
        return None, ""
    return None, f"{'trimmed' if samples > length else 'padded'} from {samples} to {length} samples"


def _no_signal(estimate: Array, wanted: str) -> str:
    """Why an estimate is no finite signal [T]; "" if it is."""
    if estimate.ndim != 1:
        return f"shape: estimate has shape {list(estimate.shape)}, {wanted}"
    kind = str(estimate.dtype).removeprefix("torch.")
    if kind.startswith(("complex", "bool")):
        return f"dtype: estimate is {kind}, not real numbers"
    # What float32 cannot hold, PESQ and recognisers cannot take, and overflows when squared.
    xp = namespace(estimate)
    with np.errstate(over="ignore"):
        finite = xp.isfinite(estimate.astype(np.float32, copy=False) if xp is np else estimate.float())
    if bool(finite.all()):
        return ""
    bad = len(estimate) - int(finite.sum())
    return f"non_finite: {bad} of {len(estimate)} samples are NaN or infinite"


def _fit(signal: Array, length: int) -> Array:
    return ended(signal, length)


def over(item: T, *, arrays: bool) -> T:
    """A scorable or a checked answer whose signals are arrays of NumPy, on the CPU, or else tensors."""
    convert = as_array if arrays else as_tensor
    signals: dict[str, Any] = {
        name: _converted(getattr(item, name), convert) for name in ("estimate", "reference", "mixture")
    }
    facts = item.facts
    named: dict[str, Any] = {name: _converted(getattr(facts, name), convert) for name in _SIGNALS_OF_FACTS}
    parts = {name: convert(signal) for name, signal in facts.parts.items()}
    outputs = facts.outputs and tuple(replace(each, signal=convert(each.signal)) for each in facts.outputs)
    return replace(item, **signals, facts=replace(facts, **named, parts=parts, outputs=outputs))


def _converted(signal: Array | None, convert: Callable[[Array], Array]) -> Array | None:
    return None if signal is None else convert(signal)
