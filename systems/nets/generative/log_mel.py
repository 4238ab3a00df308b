"""Log-mel spectra in torch, scaled to −1..1, and magnitudes from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ....core.mel import slaney_filters
from .spectra import PadMode, overlapped

_SQUARE_FLOOR = 1e-9
_LEAST_BAND = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMel:
    """Natural logarithm of mel magnitudes, as HiFi-GAN takes them; defaults of AudioLDM and DPM-TSE at 16 kHz.

    Frames begin (n_fft − hop)/2 before every `hop`-th sample; magnitudes are √(|X|² + 1e-9), the filters are Slaney's
    from 0 Hz on, and a band has at least `floor`.

    Attributes:
        highest_hz: end of the last filter; None: half the rate.
        floor: least magnitude in a band.
        lowest, highest: values that `normalise` turns into −1 and 1.
    """

    sample_rate_hz: int = 16000
    n_fft: int = 1024
    hop: int = 160
    n_mels: int = 64
    highest_hz: float | None = None
    floor: float = 1e-5
    lowest: float = -12.0
    highest: float = 2.5
    pad_mode: PadMode = "constant"

    @property
    def before(self) -> int:
        """Samples before the first sample of a signal at which its first frame begins."""
        return (self.n_fft - self.hop) // 2

    def num_frames(self, num_samples: int) -> int:
        """K, number of frames of a signal; a shorter one than `hop` has one."""
        return max(1, 1 + (num_samples + 2 * self.before - self.n_fft) // self.hop)

    def spectrum(self, signal: Tensor) -> Tensor:
        """Signals [B, T] to complex spectra [B, F, K] of the frames."""
        padded = F.pad(signal[:, None], (self.before, self.before), mode=self.pad_mode)[:, 0]
        padded = F.pad(padded, (0, max(0, self.n_fft - padded.shape[-1])))
        window = self._window(signal)
        return torch.stft(padded, self.n_fft, hop_length=self.hop, window=window, center=False, return_complex=True)

    def signal(self, spectrum: Tensor, *, num_samples: int) -> Tensor:
        """Complex spectra [B, F, K] to signals [B, T], the nearest by least squares; the inverse of `spectrum`."""
        frames = torch.fft.irfft(spectrum, n=self.n_fft, dim=1)
        window = self._window(frames)
        return overlapped(frames, window, hop=self.hop, before=self.before, num_samples=num_samples)

    def magnitude(self, signal: Tensor) -> Tensor:
        """Signals [B, T] to magnitudes [B, F, K]."""
        return torch.sqrt(self.spectrum(signal).abs().square() + _SQUARE_FLOOR)

    def transform(self, signal: Tensor) -> Tensor:
        """Signals [B, T] to log-mel spectra [B, n_mels, K]."""
        return self.from_magnitude(self.magnitude(signal))

    def from_magnitude(self, magnitude: Tensor) -> Tensor:
        """Magnitudes [B, F, K] to log-mel spectra [B, n_mels, K]."""
        return torch.log((self.filters(magnitude) @ magnitude).clamp_min(self.floor))

    def normalise(self, log_mel: Tensor) -> Tensor:
        """`lowest` to −1, `highest` to 1; values beyond stay beyond."""
        return 2.0 * (log_mel - self.lowest) / (self.highest - self.lowest) - 1.0

    def denormalise(self, values: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        return (values + 1.0) / 2.0 * (self.highest - self.lowest) + self.lowest

    def to_magnitude(self, log_mel: Tensor, *, like: Tensor, updates: int = 10) -> Tensor:
        """Magnitudes [B, F, K] that nearly have log-mel spectra [B, n_mels, K], from other magnitudes on.

        Bands do not tell their fine structure, such as harmonics: that of `like`, the mixture's magnitudes, is kept.
        Each update scales the bins by the ratio of the bands around them (Lee and Seung, 2001, eq. 4 with fixed
        filters): the divergence Σ y ln(y/z) − y + z of the bands y from those of the magnitudes, z, never grows.
        """
        filters, bands, magnitude = self.filters(log_mel), log_mel.exp(), like
        total = filters.sum(dim=0)[:, None]
        reached = total > 0
        for _ in range(updates):
            ratio = filters.T @ (bands / (filters @ magnitude).clamp_min(_LEAST_BAND))
            magnitude = magnitude * torch.where(reached, ratio / total, 0.0)
        return magnitude

    def filters(self, like: Tensor) -> Tensor:
        """Filters [n_mels, F] in the precision and on the device of `like`."""
        filters = slaney_filters(
            self.n_mels, n_fft=self.n_fft, sample_rate_hz=self.sample_rate_hz, highest_hz=self.highest_hz
        )
        return torch.from_numpy(filters).to(like)

    def _window(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.n_fft, dtype=like.dtype, device=like.device)
