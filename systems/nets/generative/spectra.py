"""Complex spectra with compressed magnitudes, as generative networks take them, and their exact inverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

_SMALLEST = 1e-12
_LEAST_WEIGHT = 1e-6  # of overlapping windows, where a sample is known

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
        frames = torch.fft.irfft(spectrum, n=self.n_fft, dim=1)
        window = self._window(frames)
        return overlapped(frames, window, hop=self.hop, before=self.n_fft // 2, num_samples=num_samples)

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


def overlapped(frames: Tensor, window: Tensor, *, hop: int, before: int, num_samples: int) -> Tensor:
    """Signals [B, T] of frames [B, n_fft, K], the nearest by least squares (Griffin and Lim, 1984, eq. 6).

    As `torch.istft`, for any place of the first frame: it begins `before` samples before the signal. It decides nothing
    by values, so that a GPU need not wait.
    """
    n_fft, count = frames.shape[1:]
    length = (count - 1) * hop + n_fft

    def added(parts: Tensor) -> Tensor:
        joined = F.fold(parts, (1, length), (1, n_fft), stride=(1, hop))[:, 0, 0]
        return F.pad(joined, (0, max(0, before + num_samples - length)))

    weights = window.square()[:, None].expand(1, -1, count)
    signal = added(frames * window[:, None]) / added(weights).clamp_min(_LEAST_WEIGHT)
    return signal[:, before : before + num_samples]


def to_channels(spectrum: Tensor) -> Tensor:
    """Complex [B, F, K] to real [B, 2F, K], the real parts first."""
    return torch.cat([spectrum.real, spectrum.imag], dim=1)


def from_channels(channels: Tensor) -> Tensor:
    """The inverse of `to_channels`."""
    real, imaginary = channels.chunk(2, dim=1)
    return torch.complex(real, imaginary)
