"""`wrong_target_rate`: what is decided from products alone is what the SI-SDR itself says."""

from __future__ import annotations

import pytest
import torch

from tsebench.bench.metrics import wrong_target
from tsebench.bench.metrics.protocol import Answered, Facts
from tsebench.bench.metrics.wrong_target import WrongTarget


def judged(estimate: torch.Tensor, reference: torch.Tensor, others: torch.Tensor) -> float:
    answer = Answered(
        trial_id="t", estimate=estimate, reference=reference, mixture=reference, facts=Facts(interferers=others)
    )
    (found,) = WrongTarget().judge([answer], sample_rate_hz=8000, submit=lambda job: job)  # type: ignore[arg-type, return-value]
    return found.value  # type: ignore[union-attr]


@pytest.mark.parametrize("level", [1.0, 1e-12, 1e12])
def test_a_clear_answer_is_that_of_the_whole_formula(level: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence, copies and what is nearly equally close are left to the formula."""
    generator = torch.Generator().manual_seed(0)
    decided = 0
    for _ in range(40):
        reference, other, noise = torch.randn(3, 400, generator=generator)
        share, offset = torch.rand(2, generator=generator)
        near = share * reference + (1 - share) * other + 0.3 * noise + offset
        for estimate in (near, reference, other, 0 * noise, reference + other):
            signals = (level * estimate, level * reference, level * torch.stack([other, noise]))
            quick = wrong_target._clearly_closer(*signals)
            with monkeypatch.context() as slow:
                slow.setattr(wrong_target, "_clearly_closer", lambda *_: None)
                full = judged(*signals)
            assert judged(*signals) == full
            assert quick in (None, full == 100.0)
            decided += quick is not None
    assert decided >= 40


def test_copies_silence_and_offsets_are_not_clear() -> None:
    reference, other = torch.randn(2, 400, generator=torch.Generator().manual_seed(1))
    for estimate, others in (
        (reference, other[None]),
        (torch.zeros(400), other[None]),
        (other + 1e5, other[None]),
        (reference + other, torch.zeros(1, 400)),
        (reference + other, reference[None]),
        (reference + other, other[None, :300]),
    ):
        assert wrong_target._clearly_closer(estimate, reference, others) is None
