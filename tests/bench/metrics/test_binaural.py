"""Binaural metrics on signals with known level and time differences between the ears."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tsebench.bench.metrics.binaural import BinauralMetric
from tsebench.bench.metrics.protocol import Answered, Facts
from tsebench.bench.metrics.registry import METRICS
from tsebench.bench.metrics.shared.interaural import ild_db, itd_s
from tsebench.bench.outcome import Outcome
from tsebench.core.ratios import si_sdr_db, snr_db

RATE_HZ = 16000
Floats = NDArray[np.float64]


def delayed(signal: Floats, seconds: float) -> Floats:
    """A periodic signal [T], later by any fraction of a sample."""
    spectrum = np.fft.rfft(signal)
    frequency = np.fft.rfftfreq(len(signal), 1 / RATE_HZ)
    return np.fft.irfft(spectrum * np.exp(-2j * np.pi * frequency * seconds), len(signal))


def sound(seed: int = 0) -> Floats:
    """A second of noise up to 6 kHz, quiet at both ends."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(RATE_HZ))
    spectrum[np.fft.rfftfreq(RATE_HZ, 1 / RATE_HZ) > 6000] = 0.0
    return np.fft.irfft(spectrum) * np.hanning(RATE_HZ)


@pytest.mark.parametrize("delay_us", [-700.0, -333.3, -31.25, 0.0, 10.0, 123.4, 650.0])
def test_time_differences_are_found_between_samples(delay_us: float) -> None:
    """Within a hundredth of a sample, 0.6 µs at 16 kHz."""
    found = itd_s(sound(), delayed(sound(), 1e-6 * delay_us), sample_rate_hz=RATE_HZ)
    assert 1e6 * found == pytest.approx(delay_us, abs=0.6)


def test_level_differences_are_ratios_of_energies() -> None:
    assert ild_db(sound(), 0.5 * sound()) == pytest.approx(20 * math.log10(2.0), abs=1e-9)


def binaural(itd_us: float, ild: float) -> torch.Tensor:
    """A sound at two ears, later by `itd_us` and `ild` dB weaker at the right one."""
    right = 10 ** (-ild / 20) * delayed(sound(), 1e-6 * itd_us)
    return torch.from_numpy(np.stack([sound(), right])).float()


def judged(name: str, estimate: torch.Tensor | None, reference: torch.Tensor | None, **options: object) -> Outcome:
    metric = METRICS.get(name)(**options)
    assert isinstance(metric, BinauralMetric)
    signal = torch.zeros(RATE_HZ)
    facts = replace(Facts(), estimate_channels=estimate, reference_channels=reference)
    answer = Answered(trial_id="t", estimate=signal, reference=signal, mixture=signal, facts=facts)
    (outcome,) = metric.judge([answer], sample_rate_hz=RATE_HZ, submit=lambda job: pytest.fail(str(job)))
    assert isinstance(outcome, Outcome)
    return outcome


def test_errors_are_distances_of_known_differences() -> None:
    reference, estimate = binaural(300.0, 6.0), binaural(-111.0, 2.5)
    assert judged("itd_error", estimate, reference).value == pytest.approx(411.0, abs=1.2)
    assert judged("ild_error", estimate, reference).value == pytest.approx(3.5, abs=1e-3)
    assert judged("itd_error", reference, reference).value == 0.0
    swapped = reference.flip(0)
    assert judged("ild_error", swapped, reference, ears=(1, 0)).value == pytest.approx(12.0, abs=1e-3)


@pytest.mark.parametrize(("base", "ratio"), [("snr", snr_db), ("si_sdr", si_sdr_db)])
def test_ratios_are_those_of_each_ear(base: str, ratio) -> None:  # type: ignore[no-untyped-def]
    reference = binaural(300.0, 6.0)
    estimate = reference + 0.01 * torch.randn(2, RATE_HZ, generator=torch.Generator().manual_seed(1))
    each = [float(ratio(estimate=e.double(), reference=r.double())) for e, r in zip(estimate, reference, strict=True)]
    assert each[0] != pytest.approx(each[1], abs=1.0)
    assert judged(f"binaural_{base}", estimate, reference).value == pytest.approx(sum(each) / 2)
    assert judged(f"binaural_{base}_left", estimate, reference).value == pytest.approx(each[0])
    assert judged(f"binaural_{base}_right", estimate, reference).value == pytest.approx(each[1])


def test_what_cannot_be_judged_has_a_reason() -> None:
    reference = binaural(300.0, 6.0)
    assert judged("itd_error", reference, None).reason == "one_channel"
    assert judged("binaural_snr", None, reference).reason == "estimate_has_one_channel"
    assert judged("ild_error", torch.zeros_like(reference), reference).reason == "silent_ear"
    assert judged("binaural_si_sdr", torch.zeros_like(reference), reference).value == -30.0
    assert judged("binaural_snr", torch.zeros_like(reference), reference).value == 0.0
    assert judged("binaural_snr", reference, torch.zeros_like(reference)).reason == "silent_reference"
    broken = reference.clone()
    broken[1, 0] = math.nan
    assert judged("binaural_snr_left", broken, reference).status == "failed"
    assert judged("itd_error", reference[:, :1] * 0, reference[:, :1]).status == "undefined"
