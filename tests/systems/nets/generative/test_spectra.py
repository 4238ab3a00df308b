"""Compressed spectra and log-mel spectra against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tsebench.core.mel import slaney_filters
from tsebench.systems.nets.generative.log_mel import LogMel
from tsebench.systems.nets.generative.spectra import CompressedStft, from_channels, to_channels

SMALL = CompressedStft(n_fft=256)


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


@pytest.mark.parametrize(
    "stft", [CompressedStft(), SMALL, CompressedStft(exponent=0.33, scale=1.0, pad_mode="reflect")]
)
@pytest.mark.parametrize("num_samples", [300, 1024, 4001])
def test_round_trip(stft: CompressedStft, num_samples: int) -> None:
    signal = noise(2, num_samples)
    spectrum = stft.transform(signal)
    assert spectrum.shape == (2, stft.num_bins, stft.num_frames(num_samples))
    torch.testing.assert_close(stft.inverse(spectrum, num_samples=num_samples), signal, rtol=0, atol=1e-12)
    single = stft.inverse(stft.transform(signal.float()), num_samples=num_samples)
    torch.testing.assert_close(single, signal.float(), rtol=0, atol=1e-6)


def test_the_inverse_is_that_of_torch() -> None:
    """Also of spectra that no signal has, and of a signal that is longer than its frames."""
    spectrum = torch.randn(2, 129, 9, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    window = torch.hann_window(256, dtype=torch.float64)
    for num_samples in (1024, 1100):
        expected = torch.istft(spectrum, 256, hop_length=128, window=window, length=num_samples)
        torch.testing.assert_close(SMALL.from_linear(spectrum, num_samples=num_samples), expected)


def test_a_value_of_the_spectrum() -> None:
    """A constant of 1 has |X| = Σ window = n_fft/2 at 0 Hz, which becomes 0.15·√(n_fft/2)."""
    spectrum = CompressedStft().transform(torch.ones(1, 2048))
    assert float(spectrum[0, 0, 8].real) == pytest.approx(0.15 * 255**0.5, rel=1e-5)


def test_silence_has_finite_gradients() -> None:
    signal = torch.zeros(1, 600, requires_grad=True)
    SMALL.inverse(SMALL.transform(signal), num_samples=600).sum().backward()
    assert signal.grad is not None
    assert bool(torch.isfinite(signal.grad).all())
    assert not SMALL.transform(torch.zeros(1, 600)).any()


def test_frames_of_a_signal_are_the_same_in_a_padded_batch() -> None:
    signal = noise(1, 1000)
    padded = torch.nn.functional.pad(signal, (0, 777))
    count = SMALL.num_frames(1000)
    torch.testing.assert_close(SMALL.transform(padded)[..., :count], SMALL.transform(signal))


def test_channels() -> None:
    spectrum = torch.randn(2, 3, 4, dtype=torch.complex64)
    channels = to_channels(spectrum)
    assert torch.equal(channels[:, :3], spectrum.real)
    assert torch.equal(from_channels(channels), spectrum)


def test_log_mel_by_another_computation() -> None:
    """NumPy's transform of the frames of HiFi-GAN."""
    mel = LogMel()
    signal = noise(1, 4000)
    padded = np.pad(signal[0].numpy(), 432)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::160]
    magnitude = np.sqrt(np.abs(np.fft.rfft(frames * np.hanning(1025)[:-1])) ** 2 + 1e-9)
    expected = np.log(np.maximum(magnitude @ slaney_filters(64, n_fft=1024, sample_rate_hz=16000).T, 1e-5))
    found = mel.transform(signal)[0].T
    assert found.shape == (mel.num_frames(4000), 64) == (25, 64)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("num_samples", [1, 159, 160, 319, 320])
def test_short_signals_have_a_frame(num_samples: int) -> None:
    mel, signal = LogMel(), noise(1, num_samples)
    spectrum = mel.spectrum(signal)
    assert spectrum.shape[-1] == mel.num_frames(num_samples) == max(1, num_samples // 160)
    torch.testing.assert_close(mel.signal(spectrum, num_samples=num_samples), signal, rtol=0, atol=1e-12)


def test_range_of_log_mels() -> None:
    mel = LogMel()
    values = torch.tensor([-12.0, 2.5, -4.75])
    assert mel.normalise(values).tolist() == pytest.approx([-1.0, 1.0, 0.0])
    torch.testing.assert_close(mel.denormalise(mel.normalise(values)), values)
    assert float(mel.transform(torch.zeros(1, 2000)).max()) == pytest.approx(np.log(1e-5))


def test_magnitudes_from_log_mels() -> None:
    """The divergence falls with each update, bands agree in the end, and what already agrees stays."""
    mel = LogMel(sample_rate_hz=8000, n_fft=512, hop=128, n_mels=48)
    target, mixture = mel.magnitude(noise(1, 2048)), mel.magnitude(noise(2, 2048)[1:])
    bands = mel.filters(target) @ target
    divergences = []
    for updates in (0, 1, 2, 4, 8, 64):
        magnitude = mel.to_magnitude(mel.from_magnitude(target), like=mixture, updates=updates)
        found = mel.filters(target) @ magnitude
        divergences.append(float((bands * (bands / found).log() - bands + found).sum()))
    assert divergences == sorted(divergences, reverse=True)
    assert divergences[-1] < 1e-3 * divergences[0]
    same = mel.to_magnitude(mel.from_magnitude(target), like=target)
    inside = mel.filters(target).sum(dim=0) > 0
    torch.testing.assert_close(same[:, inside], target[:, inside])
