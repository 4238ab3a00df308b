"""Activity of the off-screen speaker against the clean speech, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tsebench.bench.metrics.off_screen_activity import (
    OffScreenActivity,
    off_screen_activity_f1,
    off_screen_average_precision,
    off_screen_false_alarms,
)
from tsebench.bench.metrics.protocol import Answered, Facts
from tsebench.bench.outcome import Outcome

RATE, FRAMES = 8000, 100


def speech(first: int, last: int) -> Tensor:
    """One second with noise in frames [first, last) of 10 ms."""
    signal = torch.zeros(RATE)
    signal[first * 80 : last * 80] = torch.randn((last - first) * 80, generator=torch.Generator().manual_seed(0))
    return 0.1 * signal


def frames(*active: range, high: float = 0.9) -> Tensor:
    probabilities = torch.full((FRAMES,), 0.1)
    for each in active:
        probabilities[list(each)] = high
    return probabilities


def judged(metric: OffScreenActivity, activity: Tensor | None, off: Tensor | None) -> Outcome:
    on = speech(0, 100)
    parts = {"on": on} | ({} if off is None else {"off": off})
    facts = Facts(parts=parts, activity=activity)
    answer = Answered(trial_id="t", estimate=on, reference=on, mixture=on, facts=facts)
    return metric.judge([answer], sample_rate_hz=RATE, submit=None)[0]  # type: ignore[arg-type]


OFF = speech(20, 60)
# The window of 30 ms finds one frame more on each side: 19 to 60 are active, 42 frames.


def test_a_perfect_answer() -> None:
    activity = frames(range(19, 61))
    outcome = judged(off_screen_activity_f1(), activity, OFF)
    assert (outcome.status, outcome.value, outcome.parts) == ("ok", 1.0, (1.0, 1.0))
    assert judged(off_screen_average_precision(), activity, OFF).value == 1.0
    assert judged(off_screen_false_alarms(), activity, OFF).value == 0.0


def test_half_found_and_as_much_too_much() -> None:
    activity = frames(range(19, 40), range(70, 91))
    outcome = judged(off_screen_activity_f1(), activity, OFF)
    assert (outcome.value, *outcome.parts) == pytest.approx((0.5, 0.5, 0.5))
    assert judged(off_screen_false_alarms(), activity, OFF).value == pytest.approx(21 / 58)
    # Half of the active frames lie among the 42 highest, the others among all 100.
    assert judged(off_screen_average_precision(), activity, OFF).value == pytest.approx(0.5 * 0.5 + 0.5 * 0.42)


def test_the_threshold_counts() -> None:
    activity = frames(range(19, 61), high=0.3)
    assert judged(off_screen_activity_f1(), activity, OFF).value == 0.0
    assert judged(off_screen_activity_f1(threshold=0.3), activity, OFF).value == 1.0
    assert judged(off_screen_average_precision(), activity, OFF).value == 1.0
    assert off_screen_activity_f1().signature(8000) != off_screen_activity_f1(threshold=0.3).signature(8000)


def test_one_probability_all_the_time_has_the_share_of_active_frames() -> None:
    assert judged(off_screen_average_precision(), torch.full((FRAMES,), 0.7), OFF).value == pytest.approx(0.42)


@pytest.mark.parametrize("off", [None, torch.zeros(RATE)], ids=["zero length or muted", "silent"])
def test_without_off_screen_speech_only_false_alarms_have_a_value(off: Tensor | None) -> None:
    activity = frames(range(10, 35))
    for metric in (off_screen_activity_f1(), off_screen_average_precision()):
        outcome = judged(metric, activity, off)
        assert (outcome.status, outcome.reason) == ("undefined", "part_absent")
    assert judged(off_screen_false_alarms(), activity, off).value == 0.25


def test_no_pause_and_no_activity_are_undefined() -> None:
    assert judged(off_screen_false_alarms(), frames(), speech(0, 100)).reason == "no_pause"
    for metric in (off_screen_activity_f1(), off_screen_average_precision(), off_screen_false_alarms()):
        assert judged(metric, None, OFF).reason == "no_activity"


def test_lengths() -> None:
    """Resampling may add or lose a frame; more is a fault of the system."""
    for length in (99, 101):
        assert judged(off_screen_activity_f1(), frames(range(19, 61)).repeat(2)[:length], OFF).value == 1.0
    assert judged(off_screen_activity_f1(), frames()[:98], OFF).reason.startswith("activity_length: 98")
    broken = frames()
    broken[3] = float("nan")
    assert judged(off_screen_activity_f1(), broken, OFF).reason == "activity_non_finite"
