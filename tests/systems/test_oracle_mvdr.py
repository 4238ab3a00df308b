"""The beamformer with ideal masks against closed forms, on made-up scenes of point sources."""

from __future__ import annotations

import pytest
import torch

from tsebench.core.errors import ConfigError
from tsebench.core.ratios import si_sdr_db
from tsebench.datasets.batches import collate
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.registry import load_system

RATE_HZ = 8000
T = torch.Tensor


def scene(delays: tuple[int, int], channels: int = 2, *, seed: int = 0) -> tuple[Query, Truth]:
    """Two noises in turn and together, delayed by whole samples from one microphone to the next."""
    generator = torch.Generator().manual_seed(seed)
    length = 2 * RATE_HZ
    signals = torch.randn(2, length, generator=generator) * 0.1
    signals[0, : length // 3] = 0.0
    signals[1, -length // 3 :] = 0.0
    images = torch.stack(
        [torch.stack([s.roll(d * c) for c in range(channels)]) for s, d in zip(signals, delays, strict=True)]
    )
    own = 1e-3 * torch.randn(channels, length, generator=generator)
    query = Query(id="q", mixture=images.sum(dim=0) + own, sample_rate_hz=RATE_HZ, clues=Clues())
    return query, Truth(target=images[0], interferers=images[1, :1], active_classes=(), transcript=None)


def answer(query: Query, truth: Truth) -> T:
    estimate = load_system("oracle_mvdr").extract_with_truth(collate([query]), [truth]).estimate  # type: ignore[union-attr]
    assert isinstance(estimate, T)
    return estimate[0]


def test_two_microphones_remove_one_point_source() -> None:
    query, truth = scene((0, 3))
    estimate = answer(query, truth)
    assert truth.target is not None
    assert estimate.shape == query.mixture.shape
    for channel in range(2):
        before = float(si_sdr_db(estimate=query.mixture[channel].double(), reference=truth.target[channel].double()))
        after = float(si_sdr_db(estimate=estimate[channel].double(), reference=truth.target[channel].double()))
        assert before < 1.0
        assert after > before + 15.0


def test_one_microphone_gives_the_mixture() -> None:
    query, truth = scene((0, 3), channels=1)
    assert torch.allclose(answer(query, truth), query.mixture[0], atol=1e-5)


def test_sources_at_one_place_cannot_be_told_apart() -> None:
    query, truth = scene((2, 2))
    assert truth.target is not None
    after = float(si_sdr_db(estimate=answer(query, truth)[0].double(), reference=truth.target[0].double()))
    assert after < 2.0


def test_an_absent_target_gives_zeros_and_a_lone_one_stays() -> None:
    query, truth = scene((0, 3))
    absent = Truth(target=None, interferers=truth.interferers, active_classes=(), transcript=None)
    assert not answer(query, absent).any()
    assert truth.target is not None
    alone = Query(id="q", mixture=truth.target, sample_rate_hz=RATE_HZ, clues=Clues())
    nobody = Truth(
        target=truth.target, interferers=torch.zeros(0, truth.target.shape[-1]), active_classes=(), transcript=None
    )
    found = answer(alone, nobody)
    assert float(si_sdr_db(estimate=found[0].double(), reference=truth.target[0].double())) > 20.0


def test_loading_must_be_above_zero() -> None:
    with pytest.raises(ConfigError, match="loading = 0"):
        load_system("oracle_mvdr", loading=0.0)
