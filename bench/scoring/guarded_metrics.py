"""Run third-party metrics safely: an exception fails only the trials being scored.

Only the call of the metric is guarded. An error of the harness itself stops the run, and so does one that the user must
repair (`TsebenchError`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from ...core.arrays import Array, is_tensor, memory_errors
from ...core.errors import TsebenchError
from ..metrics.protocol import Answered, AnswerMetric, BatchMetric, Signals
from ..outcome import Outcome, Submit, failed, raised
from .edges import settled


def batch_outcomes(metric: BatchMetric, signals: Signals) -> list[Outcome]:
    """Outcomes [B] of a batched metric; after an error every trial is tried alone. Out of memory raises."""
    trials = len(signals.lengths)
    try:
        with np.errstate(all="ignore"):  # what cannot be computed is a status of a row
            values: Array = metric.compute(signals)
    except _passed_on():
        raise
    except Exception as error:  # noqa: BLE001 - see above; the row says what it was
        if trials == 1:
            return [raised(error)]
        rows = (_alone(signals, row) for row in range(trials))
        return [outcome for row in rows for outcome in batch_outcomes(metric, row)]
    if not isinstance(values, np.ndarray) and not is_tensor(values):
        return [failed(f"the metric gave {type(values).__name__}, not a tensor")] * trials
    if (shape := list(values.shape)) != [trials]:
        return [failed(f"the metric gave values of shape {shape}, not {[trials]}")] * trials
    lengths, rate_hz = signals.lengths.tolist(), signals.sample_rate_hz
    return [
        settled(metric.info, float(value), samples=int(samples), sample_rate_hz=rate_hz)
        for value, samples in zip(values.tolist(), lengths, strict=True)
    ]


def answer_outcomes(
    metric: AnswerMetric, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
) -> list[Outcome | Future[Outcome]]:
    """Outcomes of a metric of whole answers; after an error every answer is tried alone. Out of memory raises."""
    try:
        with np.errstate(all="ignore"):
            outcomes = list(metric.judge(answers, sample_rate_hz=sample_rate_hz, submit=submit))
    except _passed_on():
        raise
    except Exception as error:  # noqa: BLE001 - see above; the row says what it was
        if len(answers) <= 1:
            return [raised(error) for _ in answers]
        alone = (answer_outcomes(metric, [answer], sample_rate_hz=sample_rate_hz, submit=submit) for answer in answers)
        return [outcome for outcomes in alone for outcome in outcomes]
    if len(outcomes) != len(answers):
        return [failed(f"the metric gave {len(outcomes)} outcomes for {len(answers)} answers")] * len(answers)
    return outcomes


def _passed_on() -> tuple[type[BaseException], ...]:
    """Errors that are no fault of a metric, or that the user must repair."""
    return (TsebenchError, *memory_errors())


def _alone(signals: Signals, row: int) -> Signals:
    """One trial without padding."""
    this, length = slice(row, row + 1), int(signals.lengths[row])
    return replace(
        signals,
        estimate=signals.estimate[this, :length],
        reference=signals.reference[this, :length],
        mixture=signals.mixture[this, :length],
        lengths=signals.lengths[this],
    )
