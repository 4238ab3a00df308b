"""Log-mel spectra of Whisper: those of its package, at two rates, whatever follows a signal."""

from __future__ import annotations

import math

import pytest
import torch

from tsebench.systems.nets.whisper.mel import doubled, log_mel, windows_of


def tone(rate_hz: int, *, seconds: float = 0.5, pitch_hz: float = 1000.0) -> torch.Tensor:
    return 0.1 * torch.sin(2 * math.pi * pitch_hz / rate_hz * torch.arange(round(seconds * rate_hz)))


def test_spectra_are_those_of_the_package():
    whisper = pytest.importorskip("whisper", reason="needs openai-whisper")
    torch.manual_seed(0)
    windows = torch.stack([0.1 * torch.randn(16000), 1e-3 * torch.randn(16000)])
    found = log_mel(windows, n_mels=80)
    for window, spectrum in zip(windows, found, strict=True):
        torch.testing.assert_close(spectrum, whisper.log_mel_spectrogram(window), atol=2e-4, rtol=0)


@pytest.mark.parametrize("pitch_hz", [100.0, 1000.0, 3400.0])
def test_doubled_tone_is_the_tone_at_twice_the_rate(pitch_hz):
    found = doubled(tone(8000, pitch_hz=pitch_hz)[None])[0]
    expected = tone(16000, pitch_hz=pitch_hz)
    assert torch.equal(found[::2], tone(8000, pitch_hz=pitch_hz))
    inside = slice(200, -200)
    error_db = 20 * torch.log10((found - expected)[inside].norm() / expected[inside].norm())
    assert error_db < -55


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_windows_do_not_depend_on_the_padding(rate_hz):
    torch.manual_seed(0)
    signal = torch.randn(1, rate_hz // 2)
    alone = windows_of(signal, rate_hz=rate_hz, num_frames=100)
    padded = torch.nn.functional.pad(signal, (0, rate_hz))
    among = windows_of(padded, rate_hz=rate_hz, num_frames=100)
    assert alone.shape == (1, 1, 16000)
    assert among.shape == (1, 2, 16000)
    assert torch.equal(alone[:, 0], among[:, 0])
    assert not among[:, 1].any()
