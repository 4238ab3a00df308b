"""Output level and false extractions by their closed forms, and the score of a verification."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from helpers.small_nets import random_checkpoint

from tsebench.bench.metrics.protocol import Answered, Facts, Signals
from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.outcome import Outcome

MIXTURE = torch.tensor([[1.0, -2.0, 3.0, -1.0]])


def _signals(gains: list[float]) -> Signals:
    mixture = MIXTURE.expand(len(gains), -1)
    return Signals(
        estimate=torch.tensor(gains)[:, None] * mixture,
        reference=torch.zeros_like(mixture),
        mixture=mixture,
        lengths=torch.full((len(gains),), 4),
        sample_rate_hz=8000,
    )


def test_level_is_that_of_the_gain() -> None:
    found = load_metric("output_level").compute(_signals([1.0, 0.1, -0.5]))  # type: ignore[union-attr]
    assert found.tolist() == pytest.approx([0.0, -20.0, 20 * math.log10(0.5)], abs=1e-6)


def test_it_is_attenuation_where_the_target_is_absent() -> None:
    signals = _signals([1.0, 0.3, 0.001, 0.0])
    level, attenuation = (load_metric(name).compute(signals) for name in ("output_level", "attenuation"))  # type: ignore[union-attr]
    assert torch.equal(level, attenuation)


@pytest.mark.parametrize(
    ("level_db", "wanted"), [(-10.0, [100.0, 100.0, 0.0, 0.0]), (-25.0, [100.0, 100.0, 100.0, 0.0])]
)
def test_false_extractions_are_above_the_level(level_db: float, wanted: list[float]) -> None:
    metric = load_metric("false_extraction_rate", {"level_db": level_db})
    assert metric.compute(_signals([1.0, 0.5, 0.1, 0.0])).tolist() == wanted  # type: ignore[union-attr]
    assert f"level:{level_db:g}" in metric.signature(8000)
    assert metric.info.scope == "absent"


def test_verification_score(tmp_path: Path) -> None:
    embedder = random_checkpoint("separate_then_identify_mini", tmp_path)
    metric = load_metric("verification_score", {"embedder": embedder})
    voice = torch.randn(8000, generator=torch.Generator().manual_seed(1))

    def score(estimate: torch.Tensor, enrollment: torch.Tensor | None) -> Outcome:
        zeros = torch.zeros_like(estimate)
        answer = Answered(
            trial_id="t", estimate=estimate, reference=zeros, mixture=voice, facts=Facts(enrollment=enrollment)
        )
        (found,) = metric.judge([answer], sample_rate_hz=8000, submit=None)  # type: ignore[union-attr, arg-type]
        assert isinstance(found, Outcome)
        return found

    assert score(voice, voice).value == pytest.approx(1.0, abs=1e-5)
    assert -1.0 < score(voice, torch.linspace(0.0, 1.0, 8000).sin()).value < 0.9999
    assert (score(torch.zeros(8000), voice).value, score(torch.zeros(8000), voice).reason) == (-1.0, "floored")
    assert score(voice, None).reason == "no_enrollment"
