"""Complex spectra with compressed magnitudes, as generative networks take them, and their exact inverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

_SMALLEST = 1e-12

PadMode = Literal["constant", "reflect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedStft:
    """STFT by a periodic Hann window, X·|X|^(α−1)·β, frames centred on every `hop`-th sample.

    The defaults are those of SGMSE+ (Richter et al., 2023) at 16 kHz, with 256 frequencies; at 8 kHz `n_fft=256` fits.
    Zeros beyond the ends ("constant") make the frames of a signal the same in any batch; SGMSE's own code reflects.

    Attributes:
        n_fft: samples of a frame.
        hop: samples from frame to frame.
        exponent: α of the magnitude.
        scale: β.
    """

    n_fft: int = 510
    hop: int = 128
    exponent: float = 0.5
    scale: float = 0.15
    pad_mode: PadMode = "constant"

    @property
    def num_bins(self) -> int:
        """F, number of frequencies."""
        return self.n_fft // 2 + 1

    def num_frames(self, num_samples: int) -> int:
        """K, number of frames of a signal."""
        return 1 + num_samples // self.hop

    def linear(self, signal: Tensor) -> Tensor:
        """Signals [B, T] to spectra [B, F, K] that are not compressed."""
        return torch.stft(
            signal,
            self.n_fft,
            hop_length=self.hop,
            window=self._window(signal),
            center=True,
            pad_mode=self.pad_mode,
            return_complex=True,
        )

    def from_linear(self, spectrum: Tensor, *, num_samples: int) -> Tensor:
        """Spectra [B, F, K] that are not compressed to signals [B, T]."""
        window = self._window(spectrum.real)
        return torch.istft(spectrum, self.n_fft, hop_length=self.hop, window=window, center=True, length=num_samples)

    def transform(self, signal: Tensor) -> Tensor:
        """Signals [B, T] to complex spectra [B, F, K]."""
        return self.compress(self.linear(signal))

    def inverse(self, spectrum: Tensor, *, num_samples: int) -> Tensor:
        """Complex spectra [B, F, K] to signals [B, T]."""
        return self.from_linear(self.expand(spectrum), num_samples=num_samples)

    def compress(self, spectrum: Tensor) -> Tensor:
        """X to X·|X|^(α−1)·β."""
        return spectrum * (self.scale * spectrum.abs().clamp_min(_SMALLEST) ** (self.exponent - 1.0))

    def expand(self, spectrum: Tensor) -> Tensor:
        """The inverse of `compress`."""
        level = spectrum.abs().clamp_min(_SMALLEST) / self.scale
        return spectrum / self.scale * level ** (1.0 / self.exponent - 1.0)

    def _window(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.n_fft, dtype=like.dtype, device=like.device)


def to_channels(spectrum: Tensor) -> Tensor:
    """Complex [B, F, K] to real [B, 2F, K], the real parts first."""
    return torch.cat([spectrum.real, spectrum.imag], dim=1)


def from_channels(channels: Tensor) -> Tensor:
    """The inverse of `to_channels`."""
    real, imaginary = channels.chunk(2, dim=1)
    return torch.complex(real, imaginary)
