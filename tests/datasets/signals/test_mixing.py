"""The arithmetic of mixing against closed forms and against pyloudnorm."""

from __future__ import annotations

import hashlib
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tsebench.core.errors import DatasetError
from tsebench.datasets.seeding import digest, generator
from tsebench.datasets.signals import mixing

Samples = NDArray[np.float32]


def _noise(length: int, seed: int = 0, scale: float = 0.1) -> Samples:
    return (scale * np.random.default_rng(seed).standard_normal(length)).astype(np.float32)


def _power_db(samples: NDArray[np.floating]) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


def test_a_level_in_db_is_an_amplitude_factor() -> None:
    assert mixing.db_to_gain(0.0) == 1.0
    assert mixing.db_to_gain(20.0) == pytest.approx(10.0, abs=1e-12)
    assert mixing.db_to_gain(-6.0) == pytest.approx(0.5011872336272722, abs=1e-15)


@pytest.mark.parametrize("gain", [1.0, 0.123456789, 1e-7 / 3, 1.0000049999])
def test_a_rounded_gain_is_within_4e_5_db_and_stays(gain: float) -> None:
    rounded = mixing.round_gain(gain)
    assert abs(20 * np.log10(rounded / gain)) < 4.4e-5
    assert mixing.round_gain(rounded) == rounded


def test_power_of_a_constant_of_a_sine_and_of_silence() -> None:
    assert mixing.power_db(np.full(100, 0.1, dtype=np.float32)) == pytest.approx(-20, abs=1e-6)
    sine = np.sin(2 * np.pi * np.arange(8000) / 80).astype(np.float32)
    assert mixing.power_db(sine) == pytest.approx(10 * np.log10(0.5), abs=1e-6)
    assert mixing.power_db(np.zeros(10, dtype=np.float32)) == float("-inf")
    assert mixing.power_db(np.zeros(0, dtype=np.float32)) == float("-inf")


@pytest.mark.parametrize("snr_db", [-30.0, -5.0, 0.0, 2.5, 40.0])
@pytest.mark.parametrize("scale", [1e-4, 1.0])
def test_the_snr_gain_is_exact(snr_db: float, scale: float) -> None:
    signal, noise = _noise(20_000, 1), _noise(7000, 2, scale)
    gain = mixing.snr_gain(signal=signal, noise=noise, snr_db=snr_db)
    scaled = gain * noise.astype(np.float64)
    assert _power_db(signal) - _power_db(scaled) == pytest.approx(snr_db, abs=1e-6)


def test_an_snr_with_silence_is_refused() -> None:
    loud, silent = _noise(100), np.zeros(100, dtype=np.float32)
    for signal, noise in ((loud, silent), (silent, loud), (silent, silent)):
        with pytest.raises(DatasetError, match="not silent"):
            mixing.snr_gain(signal=signal, noise=noise, snr_db=0.0)


def test_a_full_scale_tone_of_997_hz_has_minus_3_01_lufs() -> None:
    """The calibration of ITU-R BS.1770-4, section 2.6 (one channel)."""
    for rate in (16_000, 48_000):
        tone = np.sin(2 * np.pi * 997 * np.arange(3 * rate) / rate).astype(np.float32)
        assert mixing.loudness_lufs(tone, rate) == pytest.approx(-3.01, abs=0.15)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_loudness_is_that_of_pyloudnorm(rate: int) -> None:
    for seed, scale in ((0, 0.1), (1, 0.5), (2, 3e-3)):
        samples = _noise(2 * rate, seed, scale)
        samples[rate // 2 : rate] = 0.0  # something for the gates
        expected = pyloudnorm.Meter(rate).integrated_loudness(samples.astype(np.float64))
        assert mixing.loudness_lufs(samples, rate) == expected


def test_a_gain_moves_loudness_by_its_db() -> None:
    samples = _noise(32_000)
    louder = (samples * np.float32(mixing.db_to_gain(7.0))).astype(np.float32)
    difference = mixing.loudness_lufs(louder, 16_000) - mixing.loudness_lufs(samples, 16_000)
    assert difference == pytest.approx(7.0, abs=1e-4)


@pytest.mark.parametrize("length", [1, 100, 3999])
def test_a_short_event_is_tiled_to_half_a_second(length: int) -> None:
    samples = _noise(length) + np.float32(0.2)
    tiled = np.concatenate([samples] * 4000)[:4000]
    assert mixing.loudness_lufs(samples, 8000) == mixing.loudness_lufs(tiled, 8000)


@pytest.mark.parametrize(
    "samples", [np.zeros(8000), np.zeros(0), np.full(8000, 1e-20), _noise(8000, scale=1e-7), np.zeros(3)]
)
def test_loudness_has_a_floor(samples: NDArray[np.float64]) -> None:
    assert mixing.loudness_lufs(samples.astype(np.float32), 8000) == mixing.LUFS_FLOOR


def test_loudness_from_threads_leaves_the_warning_filters_alone() -> None:
    """Quiet signals make pyloudnorm take logarithms of 0 while it suppresses warnings."""
    signals = [_noise(8000, seed, 10.0 ** -(seed % 6)) for seed in range(64)]
    for signal in signals:
        signal[:4000] = 0.0
    expected = [mixing.loudness_lufs(signal, 8000) for signal in signals]
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda x: mixing.loudness_lufs(x, 8000), signals)) == expected
    assert warnings.filters == before


def test_the_level_scales() -> None:
    samples = _noise(16_000)
    assert mixing.level_db(samples, 8000, scale="power") == mixing.power_db(samples)
    assert mixing.level_db(samples, 8000, scale="lufs") == mixing.loudness_lufs(samples, 8000)


def test_the_fade_is_a_raised_cosine_at_both_ends() -> None:
    faded = mixing.fade_ends(np.ones(100, dtype=np.float32), 10)
    ramp = np.sin(np.pi * (np.arange(10) + 0.5) / 20) ** 2
    np.testing.assert_allclose(faded[:10], ramp, atol=1e-7)
    np.testing.assert_allclose(faded[-10:], ramp[::-1], atol=1e-7)
    np.testing.assert_array_equal(faded[10:-10], 1.0)
    np.testing.assert_allclose(ramp + ramp[::-1], 1.0, atol=1e-12)


def test_a_fade_never_exceeds_half_the_signal_nor_changes_its_input() -> None:
    samples = np.ones(7, dtype=np.float32)
    faded = mixing.fade_ends(samples, 100)
    np.testing.assert_array_equal(samples, 1.0)
    np.testing.assert_array_equal(faded, faded[::-1])
    assert faded[3] == 1.0
    assert mixing.fade_ends(samples, 0) is samples
    assert mixing.fade_ends(samples[:1], 5)[0] == 1.0


@settings(deadline=None)
@given(onset=st.integers(-12, 12), size=st.integers(0, 8), length=st.integers(0, 10))
def test_placing_cuts_what_sticks_out(onset: int, size: int, length: int) -> None:
    samples = np.arange(1, size + 1, dtype=np.float32)
    expected = [samples[t - onset] if 0 <= t - onset < size else 0.0 for t in range(length)]
    np.testing.assert_array_equal(mixing.place(samples, onset=onset, length=length), expected)


def test_onsets_of_overlapping_utterances() -> None:
    assert mixing.overlap_onsets([100, 60, 80], 0.0) == [0, 100, 160]
    assert mixing.overlap_onsets([100, 60, 80], 0.5) == [0, 70, 100]
    assert mixing.overlap_onsets([100, 60], 1.0) == [0, 40]
    assert mixing.overlap_onsets([60, 100], 1.0) == [0, 0]
    assert mixing.overlap_onsets([42], 0.3) == [0]


@settings(deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=2, max_size=4), st.floats(0, 1))
def test_neighbours_overlap_by_the_ratio(lengths: list[int], ratio: float) -> None:
    onsets = mixing.overlap_onsets(lengths, ratio)
    for n in range(len(lengths) - 1):
        overlap = onsets[n] + lengths[n] - onsets[n + 1]
        assert abs(overlap - ratio * min(lengths[n : n + 2])) <= 0.5


def test_the_peak_gain_only_lowers() -> None:
    signals = [np.array([0.1, -0.5], dtype=np.float32), np.array([1.8], dtype=np.float32)]
    assert mixing.peak_gain(signals, 0.9) == pytest.approx(0.5)
    assert mixing.peak_gain(signals[:1], 0.9) == 1.0
    assert mixing.peak_gain([-signals[1]], 0.9) == pytest.approx(0.5)


def test_seeds_are_sha_256_of_names() -> None:
    assert digest("a", "bc") != digest("ab", "c")
    assert digest("a", 1) != digest("a", "1")
    assert digest("x", 0) == hashlib.sha256(b'["x", 0]').hexdigest()
    first = generator("set", "1", 0, "test-000000").integers(2**32, size=3)
    np.testing.assert_array_equal(first, generator("set", "1", 0, "test-000000").integers(2**32, size=3))
    assert (first != generator("set", "1", 0, "test-000001").integers(2**32, size=3)).any()
