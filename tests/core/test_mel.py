"""Mel spectra against those of librosa, torchaudio and Whisper, and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tsebench.core.mel import kaldi_fbank, p808_features, slaney_filters

RATE_HZ = 16000
Array = NDArray[np.float32]


def noise(seconds: float) -> Array:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(int(seconds * RATE_HZ))).astype(np.float32)


def tones(samples: int = 4000) -> Array:
    n = np.arange(samples)
    decaying = 0.3 * np.sin(2.0 * np.pi * 440.0 * n / 16000.0) * np.exp(-n / 1500.0)
    rising = 0.1 * np.sin(np.pi * n * n / 8000.0) + 0.05 * np.cos(n * n * n / 3e6)
    return (decaying + rising).astype(np.float32)


def test_p808_features_are_those_of_librosa() -> None:
    features = p808_features(tones())
    assert features.shape == (25, 120)
    # Numbers of librosa 0.11.
    places = [(0, 0), (0, 119), (5, 20), (12, 60), (20, 100), (24, 7)]
    known = [-0.076284, -0.724588, -0.514345, -1.0, 0.077671, -0.964297]
    np.testing.assert_allclose([features[p] for p in places], known, rtol=0, atol=1e-5)
    assert features.mean(dtype=np.float64) == pytest.approx(-0.4879047, abs=1e-6)
    assert features.max() == 1.0
    np.testing.assert_array_equal(p808_features(np.zeros(800, dtype=np.float32)), 1.0)


def test_one_mel_level_by_hand() -> None:
    """Frame 7 straight from the definitions: two filters, because the loudest place is 0 dB."""
    signal = noise(0.25).astype(np.float64)
    n = np.arange(321)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * n / 321)
    frame = signal[7 * 160 - 160 : 7 * 160 + 161] * window
    power = [abs(np.sum(frame * np.exp(-2j * np.pi * k * n / 321))) ** 2 for k in range(161)]
    filters = slaney_filters(120, n_fft=321, sample_rate_hz=RATE_HZ)
    features = p808_features(noise(0.25)).astype(np.float64)
    level = 40.0 * features[7] - 40.0
    ours = 10.0 * np.log10([filters[m] @ power for m in (30, 60)])
    assert level[30] - level[60] == pytest.approx(ours[0] - ours[1], abs=1e-4)


def test_slaney_filters_are_those_that_whisper_ships() -> None:
    whisper = pytest.importorskip("whisper", reason="openai-whisper is not installed")
    shipped = Path(whisper.__file__).parent / "assets" / "mel_filters.npz"
    with np.load(shipped) as known:
        for n_mels in (80, 128):
            ours = slaney_filters(n_mels, n_fft=400, sample_rate_hz=RATE_HZ)
            np.testing.assert_allclose(ours, known[f"mel_{n_mels}"], rtol=0, atol=1e-8)


def test_fbank_is_that_of_torchaudio() -> None:
    features = kaldi_fbank(tones(), n_mels=80, sample_rate_hz=RATE_HZ)
    assert features.shape == (23, 80)
    # Numbers of torchaudio 2.11 (compliance.kaldi.fbank, Hamming window, no dither, 16-bit scale),
    # whose filters are in single precision.
    places = [(0, 0), (0, 79), (5, 20), (12, 40), (20, 60), (22, 7)]
    known = [4.36069, -4.70175, -2.24105, -4.81383, 3.79858, -1.07879]
    np.testing.assert_allclose([features[p] for p in places], known, rtol=0, atol=1e-3)
    assert np.square(features, dtype=np.float64).mean() == pytest.approx(16.786564, rel=1e-4)


def test_fbank_of_silence_is_that_of_torchaudio() -> None:
    signal = tones()
    signal[:1000] = 0.0
    features = kaldi_fbank(signal, n_mels=80, sample_rate_hz=RATE_HZ)
    known = [-22.87426, -26.48962, -28.05395, 8.12749]
    found = [features[p] for p in ((0, 0), (0, 40), (2, 79), (20, 60))]
    np.testing.assert_allclose(found, known, rtol=0, atol=1e-3)


def test_fbank_does_not_hear_the_level_nor_an_offset() -> None:
    signal = noise(0.5)
    ours = kaldi_fbank(signal, n_mels=80, sample_rate_hz=RATE_HZ)
    for other in (4.0 * signal, signal + np.float32(0.25)):
        again = kaldi_fbank(other, n_mels=80, sample_rate_hz=RATE_HZ)
        np.testing.assert_allclose(again, ours, rtol=0, atol=1e-3)
    np.testing.assert_allclose(ours.mean(axis=0), 0.0, rtol=0, atol=1e-5)
    assert kaldi_fbank(signal[:399], n_mels=80, sample_rate_hz=RATE_HZ).shape == (0, 80)
    assert kaldi_fbank(signal[:400], n_mels=80, sample_rate_hz=RATE_HZ).shape == (1, 80)
    assert kaldi_fbank(signal[:200], n_mels=80, sample_rate_hz=8000).shape == (1, 80)
