"""Level of each part of a target in an estimate, by closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tsebench.bench.metrics.part_gain import FLOOR_DB, off_screen_gain, on_screen_gain
from tsebench.bench.metrics.protocol import Answered, Facts
from tsebench.bench.outcome import Outcome


def noise(seed: int, length: int = 4000) -> Tensor:
    return torch.randn(length, generator=torch.Generator().manual_seed(seed)) * 0.1


ON, OFF = noise(1), noise(2)


def judged(metric: object, estimate: Tensor, parts: dict[str, Tensor]) -> Outcome:
    answer = Answered(trial_id="t", estimate=estimate, reference=ON + OFF, mixture=ON + OFF, facts=Facts(parts=parts))
    return metric.judge([answer], sample_rate_hz=8000, submit=None)[0]


@pytest.mark.parametrize(("on", "off"), [(1.0, 1.0), (0.5, 2.0), (1.0, 0.01), (-1.0, 0.3)])
def test_gains_are_those_of_the_sum(on: float, off: float) -> None:
    estimate = on * ON + off * OFF
    parts = {"on": ON, "off": OFF}
    assert judged(on_screen_gain(), estimate, parts).value == pytest.approx(20 * math.log10(abs(on)), abs=1e-4)
    assert judged(off_screen_gain(), estimate, parts).value == pytest.approx(20 * math.log10(abs(off)), abs=1e-4)


def test_what_is_orthogonal_to_both_does_not_count() -> None:
    both = torch.stack([ON, OFF]).double()
    rest = noise(3).double()
    rest -= both.T @ torch.linalg.solve(both @ both.T, both @ rest)
    estimate = 0.5 * ON + OFF + 3 * rest.float()
    assert judged(on_screen_gain(), estimate, {"on": ON, "off": OFF}).value == pytest.approx(-6.0206, abs=1e-3)


def test_parts_that_overlap_are_told_apart() -> None:
    alike = 0.9 * ON + 0.1 * OFF
    outcome = judged(off_screen_gain(), ON, {"on": ON, "off": alike})
    assert outcome.value == FLOOR_DB
    assert outcome.reason == "floored"


def test_silence_is_at_the_floor_and_a_part_that_is_not_there_is_undefined() -> None:
    silent = judged(on_screen_gain(), torch.zeros(4000), {"on": ON, "off": OFF})
    assert (silent.status, silent.value) == ("ok", FLOOR_DB)
    absent = judged(off_screen_gain(), ON, {"on": ON})
    assert (absent.status, absent.reason) == ("undefined", "part_absent")
    same = judged(off_screen_gain(), ON, {"on": ON, "off": 0.5 * ON})
    assert (same.status, same.reason) == ("undefined", "parts_alike")


def test_an_estimate_that_is_shorter_or_longer_than_the_parts() -> None:
    for length in (3990, 4010):
        estimate = torch.nn.functional.pad(ON + OFF, (0, 20))[:length]
        assert judged(on_screen_gain(), estimate, {"on": ON, "off": OFF}).value == pytest.approx(0.0, abs=0.1)
