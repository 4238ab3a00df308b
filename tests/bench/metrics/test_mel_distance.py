"""Distances of log-mel spectra: closed forms, a second implementation, and what they must not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsebench.bench.metrics.mel_distance import ActiveMelDistance, MelDistance
from tsebench.bench.metrics.protocol import Signals
from tsebench.core.mel import slaney_filters

RATES_HZ = (8000, 16000, 44100)


def noise(samples: int = 6000, *, seed: int = 1) -> torch.Tensor:
    return torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


def distances(
    estimate: torch.Tensor, reference: torch.Tensor, *, rate_hz: int = 8000, lengths: list[int] | None = None,
    range_db: float = 60.0,
) -> tuple[list[float], list[float]]:  # fmt: skip
    """Over all places, and over active ones."""
    signals = Signals(
        estimate=estimate,
        reference=reference,
        mixture=reference,
        lengths=torch.tensor(lengths or [reference.shape[-1]] * len(reference)),
        sample_rate_hz=rate_hz,
    )
    both = MelDistance(range_db=range_db), ActiveMelDistance(range_db=range_db)
    first, second = (metric.compute(signals).tolist() for metric in both)
    return first, second


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("gain", [0.5, 3.0])
def test_a_gain_is_its_decibels(rate_hz: int, gain: float) -> None:
    reference = noise(rate_hz)
    for values in distances(gain * reference, reference, rate_hz=rate_hz, range_db=100.0):
        assert values[0] == pytest.approx(abs(20 * np.log10(gain)), abs=1e-9)


def test_itself_and_its_opposite_are_at_zero() -> None:
    reference = noise()
    for estimate in (reference, -reference):
        assert distances(estimate, reference) == ([0.0], [0.0])


def test_a_silent_estimate_is_as_far_as_the_reference_is_above_the_floor() -> None:
    """A tone burst: 60 dB at its peak, 0 in the pauses; the active places alone are farther."""
    reference = torch.zeros(1, 16000)
    reference[0, 4000:8000] = torch.sin(torch.arange(4000) * 0.9)
    everywhere, active = distances(torch.zeros_like(reference), reference)
    assert 0.0 < everywhere[0] < 10.0
    assert everywhere[0] < active[0] < 60.0


def test_the_range_is_below_the_reference_not_the_estimate() -> None:
    reference = noise()
    quiet = distances(1e-9 * reference, reference, range_db=40.0)[1][0]
    loud = distances(1e9 * reference, reference, range_db=40.0)[1][0]
    assert quiet < 40.0
    assert loud == pytest.approx(180.0, abs=1e-6)


def test_a_second_implementation() -> None:
    """Frame by frame with numpy."""
    reference, estimate = noise(3000), noise(3000, seed=2) * 0.3
    rate_hz, length, hop = 8000, 256, 64
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    filters = slaney_filters(64, n_fft=length, sample_rate_hz=rate_hz)

    def levels(signal: torch.Tensor) -> np.ndarray:
        padded = np.pad(signal[0].double().numpy(), length // 2)
        starts = range(0, 3000, hop)
        return np.array([filters @ np.abs(np.fft.rfft(padded[s : s + length] * window)) ** 2 for s in starts])

    one, two = levels(reference), levels(estimate)
    floor = one.max() * 1e-6
    gap = np.abs(10 * np.log10(np.maximum(one, floor)) - 10 * np.log10(np.maximum(two, floor)))
    everywhere, active = distances(estimate, reference)
    assert everywhere[0] == pytest.approx(gap.mean(), abs=1e-9)
    assert active[0] == pytest.approx(gap[one > floor].mean(), abs=1e-9)


def test_padding_and_batches_do_not_matter() -> None:
    reference, estimate = noise(5000), noise(5000, seed=3)
    pad = torch.nn.functional.pad
    short = distances(estimate[:, :3001], reference[:, :3001])
    batch = distances(
        torch.cat([estimate, pad(estimate[:, :3001], (0, 1999))]),
        torch.cat([reference, pad(reference[:, :3001], (0, 1999))]),
        lengths=[5000, 3001],
    )
    assert [values[1] for values in batch] == pytest.approx([values[0] for values in short], abs=1e-12)


def test_a_shift_of_the_phase_costs_little_where_snr_is_lost() -> None:
    time = torch.arange(8000)[None] / 8000.0
    tone = torch.sin(2 * torch.pi * 440 * time)
    shifted = torch.cos(2 * torch.pi * 440 * time)
    assert distances(shifted, tone)[1][0] < 3.0
    other = torch.sin(2 * torch.pi * 700 * time)
    assert distances(other, tone)[1][0] > 10.0
