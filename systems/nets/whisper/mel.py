"""Log-mel spectra as Whisper takes them (Radford et al. 2023), of signals at 8 or 16 kHz, on any device."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from ....core.mel import slaney_filters

WHISPER_RATE_HZ = 16000
HOP = 160  # samples at 16 kHz
_FFT = 400
_FLOOR, _RANGE = 1e-10, 8.0
_HALF_TAPS = 32


def windows_of(signals: Tensor, *, rate_hz: int, num_frames: int) -> Tensor:
    """Cut signals [B, T] at 8 or 16 kHz into windows [B, W, num_frames · 160] at 16 kHz, zeros past the end."""
    factor = WHISPER_RATE_HZ // rate_hz
    length = num_frames * HOP
    count = max(1, -(-signals.shape[-1] * factor // length))
    # Zeros before interpolation, which rings past the end: a signal has the same windows whatever follows it.
    padded = F.pad(signals, (0, count * length // factor - signals.shape[-1]))
    return (doubled(padded) if factor == 2 else padded).view(len(signals), count, length)


def log_mel(windows: Tensor, *, n_mels: int) -> Tensor:
    """Log-mel spectra [B, n_mels, K] of windows [B, K · 160] at 16 kHz, each limited below its own maximum.

    As `whisper.log_mel_spectrogram` of each window alone: 400-point Hann frames every 160 samples, power, Slaney's
    filters, log10, not below the maximum minus 8, then (x + 4) / 4.
    """
    window = torch.hann_window(_FFT, device=windows.device)
    # In float32 under autocast too: powers span ten orders of magnitude.
    with torch.autocast(windows.device.type, enabled=False):
        spectrum = torch.stft(windows.float(), _FFT, HOP, window=window, return_complex=True)
        power = spectrum[..., :-1].abs() ** 2
        levels = (_filters(n_mels).to(power) @ power).clamp(min=_FLOOR).log10()
    limited = torch.maximum(levels, levels.amax(dim=(-2, -1), keepdim=True) - _RANGE)
    return (limited + 4.0) / 4.0


def doubled(signals: Tensor) -> Tensor:
    """Signals [B, T] at twice the rate, [B, 2 T]: the samples, and between them a windowed sinc of 64 samples."""
    position = torch.arange(-_HALF_TAPS + 1, _HALF_TAPS + 1, device=signals.device, dtype=signals.dtype) - 0.5
    taps = torch.sinc(position) * torch.cos(torch.pi * position / (2 * _HALF_TAPS)) ** 2
    padded = F.pad(signals[:, None], (_HALF_TAPS - 1, _HALF_TAPS))
    between = F.conv1d(padded, taps[None, None])[:, 0]
    return torch.stack([signals, between], dim=-1).flatten(start_dim=1)


@lru_cache(maxsize=4)
def _filters(n_mels: int) -> Tensor:
    with torch.device("cpu"):
        return torch.from_numpy(slaney_filters(n_mels, n_fft=_FFT, sample_rate_hz=WHISPER_RATE_HZ)).float()
