"""logWMSE: closed forms for any filter, a second implementation in time, and the package itself where it is there."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve

from tsebench.bench.metrics.log_wmse import PACKAGED, LogWmse, log_wmse, read_filter, weighted_energy
from tsebench.bench.metrics.protocol import Answered, Facts
from tsebench.bench.outcome import Outcome, attempt
from tsebench.core.errors import ConfigError

RNG = np.random.default_rng(7)
RESPONSE = RNG.standard_normal(400) * np.exp(-np.arange(400) / 60.0)
MIXTURE = torch.from_numpy(RNG.standard_normal(3000).astype(np.float32)) * 0.1
PERFECT = -4.0 * math.log(1e-8)


@pytest.fixture
def metric(tmp_path: Path) -> LogWmse:
    path = tmp_path / "filter.f32"
    path.write_bytes(RESPONSE.astype("<f4").tobytes())
    return LogWmse(filter=path)


def judged(metric: LogWmse, estimate: torch.Tensor, reference: torch.Tensor, mixture: torch.Tensor) -> Outcome:
    answer = Answered(trial_id="t", estimate=estimate, reference=reference, mixture=mixture, facts=Facts())
    (outcome,) = metric.judge([answer], sample_rate_hz=8000, submit=attempt)
    return outcome


def test_closed_forms_for_a_silent_target(metric: LogWmse) -> None:
    silent = torch.zeros_like(MIXTURE)
    assert judged(metric, silent, silent, MIXTURE).value == pytest.approx(PERFECT)
    assert judged(metric, MIXTURE, silent, MIXTURE).value == pytest.approx(0.0, abs=1e-6)
    assert judged(metric, 0.1 * MIXTURE, silent, MIXTURE).value == pytest.approx(-4 * math.log(0.01 + 1e-8), abs=1e-4)
    undefined = judged(metric, MIXTURE, silent, silent)
    assert (undefined.status, undefined.reason) == ("undefined", "silent_mixture")


def test_the_same_error_of_a_target_has_the_same_score_at_any_level(metric: LogWmse) -> None:
    target = MIXTURE.flip(0)
    for gain in (1.0, 1e-3, 100.0):
        value = judged(metric, gain * (target + 0.1 * MIXTURE), gain * target, gain * MIXTURE).value
        assert value == pytest.approx(-4 * math.log(0.01 + 1e-8), abs=1e-3)
    assert judged(metric, target, target, MIXTURE).value == pytest.approx(PERFECT)


def test_energy_is_that_of_the_filtered_signal() -> None:
    """In time, at the rate of the filter."""
    signal = RNG.standard_normal(2000)
    filtered = fftconvolve(signal, RESPONSE)
    assert weighted_energy(signal, sample_rate_hz=44100, response=RESPONSE) == pytest.approx((filtered**2).sum())


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 48000])
def test_a_tone_is_weighted_by_the_response_at_its_frequency(rate_hz: int) -> None:
    time = np.arange(rate_hz) / rate_hz
    tone = np.sin(2 * np.pi * 1000 * time) * np.hanning(len(time))
    gain = abs((RESPONSE * np.exp(-2j * np.pi * 1000 * np.arange(400) / 44100)).sum()) ** 2
    energy = weighted_energy(tone, sample_rate_hz=rate_hz, response=RESPONSE)
    assert energy == pytest.approx(gain * (tone**2).sum(), rel=1e-3)


def test_a_file_that_is_no_filter_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "filter.f32"
    for content in (b"abc", b"", bytes(8000)):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"give filter_ir\.f32"):
            read_filter(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        LogWmse(filter=tmp_path / "none")


@pytest.mark.parametrize(("rate_hz", "tolerance"), [(44100, 0.01), (16000, 0.05)])
def test_agrees_with_the_package(rate_hz: int, tolerance: float) -> None:
    """log-wmse-audio-quality filters in time, cuts the ringing, and resamples the signals."""
    package = pytest.importorskip("log_wmse_audio_quality")
    filters = pytest.importorskip("log_wmse_audio_quality.freq_weighting_filter").HumanHearingSensitivityFilter()
    response = np.asarray(filters.impulse_response, dtype=np.float64)
    mixture, target = (RNG.standard_normal(2 * rate_hz).astype(np.float32) * 0.1 for _ in range(2))
    for estimate in (0.2 * mixture, target + 0.05 * mixture, np.zeros_like(mixture)):
        for reference in (target, np.zeros_like(target)):
            theirs = float(package.calculate_log_wmse(mixture, estimate, reference, rate_hz))
            error = estimate.astype(np.float64) - reference
            ours = log_wmse(error, mixture, sample_rate_hz=rate_hz, response=response)
            assert ours == pytest.approx(theirs, abs=tolerance)


def test_without_the_package_the_filter_is_a_required_setting() -> None:
    assert LogWmse().info.options == (() if PACKAGED.file else ("filter",))
