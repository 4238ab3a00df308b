"""Spectra that the acoustic model of whisper_flow draws, and signals from them."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from .generative.log_mel import LogMel
from .generative.spectra import CompressedStft
from .generative.vocoders.vocoder import Vocoder

_LEAST = 1e-8


class DrawnSpectra(Protocol):
    """Real spectra [B, C, K] of signals [B, T] and of zeros behind them, so that the end is the same in any batch."""

    @property
    def channels(self) -> int:
        """C, number of values of a frame."""
        ...

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        ...

    def num_frames(self, num_samples: Tensor) -> Tensor:
        """K of signals of these lengths [B]."""
        ...

    def transform(self, signals: Tensor) -> Tensor:
        """Signals [B, T] to spectra [B, C, K]."""
        ...

    def inverse(self, spectra: Tensor, *, guide: Tensor) -> Tensor:
        """Spectra [B, C, K], zeros past the end, to signals [B, T] like the guide [B, T], which may give the phase."""
        ...


class Magnitudes:
    """|X|^exponent; the phase of the result is that of the guide."""

    def __init__(self, stft: CompressedStft) -> None:
        self._stft = stft
        self.channels = stft.num_bins
        self.hop = stft.hop

    def num_frames(self, num_samples: Tensor) -> Tensor:
        """1 + (T + n_fft) // hop."""
        return 1 + (num_samples + self._stft.n_fft) // self.hop

    def transform(self, signals: Tensor) -> Tensor:
        """Signals [B, T] to |X|^exponent [B, F, K]."""
        return self._linear(signals).abs().clamp_min(_LEAST) ** self._stft.exponent

    def inverse(self, spectra: Tensor, *, guide: Tensor) -> Tensor:
        """Magnitudes with the phase of the guide, by the inverse STFT."""
        complex_guide = self._linear(guide)
        phase = complex_guide / complex_guide.abs().clamp_min(_LEAST)
        magnitude = spectra.clamp_min(0.0) ** (1.0 / self._stft.exponent)
        length = guide.shape[1]
        signals = self._stft.from_linear(magnitude * phase, num_samples=length + self._stft.n_fft)
        return signals[:, :length]

    def _linear(self, signals: Tensor) -> Tensor:
        return self._stft.linear(F.pad(signals, (0, self._stft.n_fft)))


class MelLevels:
    """Log-mel spectra; a vocoder makes the signal, its phase included."""

    def __init__(self, mel: LogMel, vocoder: Vocoder) -> None:
        self._mel = mel
        self._vocoder = vocoder
        self.channels = mel.n_mels
        self.hop = mel.hop

    def num_frames(self, num_samples: Tensor) -> Tensor:
        """Frames of the signal and of `n_fft` zeros."""
        before = (self._mel.n_fft - self.hop) // 2
        return 1 + (num_samples + 2 * before) // self.hop

    def transform(self, signals: Tensor) -> Tensor:
        """Signals [B, T] to natural logarithms of mel magnitudes [B, n_mels, K]."""
        return self._mel.transform(F.pad(signals, (0, self._mel.n_fft)))

    def inverse(self, spectra: Tensor, *, guide: Tensor) -> Tensor:
        """The vocoder's signals; the guide is for its length, and for vocoders that start at its phase."""
        length = guide.shape[1]
        padded = F.pad(guide, (0, self._mel.n_fft))
        return self._vocoder.synthesise(spectra, mixture=padded)[:, :length]


def standardised(spectra: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Spectra [B, C, K] with the mean 0 and deviation 1 of each channel."""
    return (spectra - mean[:, None]) / deviation[:, None]


def frame_mask(counts: Tensor, *, num_frames: int) -> Tensor:
    """Mask [B, 1, K] of the first `counts` [B] frames."""
    return (torch.arange(num_frames, device=counts.device) < counts[:, None])[:, None]
