"""Analysis and synthesis: a learned filterbank, or a short-time Fourier transform (STFT).

Frame k starts at sample k·hop − (L − hop), so that each sample lies in the same number of frames and zeros that follow
a signal do not change its frames.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .filterbank import Decoder, Encoder, covering_frames

BankName = Literal["learned", "stft"]
_COMPRESSION = 0.3
_TINY = 1e-8


class LearnedBank(nn.Module):
    """Convolution and ReLU, and a transposed convolution back; see `Encoder` for the arguments."""

    def __init__(self, *, num_filters: int, filter_length: int, stride: int) -> None:
        super().__init__()
        self.encoder = Encoder(num_filters=num_filters, filter_length=filter_length, stride=stride)
        self.decoder = Decoder(num_filters=num_filters, filter_length=filter_length, stride=stride)
        self.num_channels = num_filters

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Number of frames [B] of signals of these lengths [B]."""
        return self.encoder.frame_counts(lengths)

    def analyse(self, signal: Tensor) -> Tensor:
        """Signal [B, T] to the representation [B, N, K] that is masked."""
        encoded: Tensor = self.encoder(signal)
        return encoded

    def features(self, analysed: Tensor) -> Tensor:
        """Input features of a network: the representation itself."""
        return analysed

    def synthesise(self, analysed: Tensor, *, num_samples: int) -> Tensor:
        """[B, N, K] to a signal [B, T]."""
        signal: Tensor = self.decoder(analysed, num_samples=num_samples)
        return signal


class StftBank(nn.Module):
    """STFT with a square-root Hann window of L samples on both sides; L is even, and a multiple of the stride."""

    window: Tensor

    def __init__(self, *, filter_length: int, stride: int) -> None:
        super().__init__()
        self.filter_length, self.stride = filter_length, stride
        self.num_channels = filter_length // 2 + 1
        # sin² windows at hops of L/m, m ≥ 2, add up to m/2 everywhere.
        window = torch.hann_window(filter_length, periodic=True).sqrt()
        scale = (2.0 * stride / filter_length) ** 0.5
        self.register_buffer("window", scale * window)

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Number of frames [B] of signals of these lengths [B]."""
        return covering_frames(lengths, filter_length=self.filter_length, stride=self.stride)

    def analyse(self, signal: Tensor) -> Tensor:
        """Signal [B, T] to complex spectra [B, F, K]."""
        frames = _cut(signal, length=self.filter_length, stride=self.stride)
        spectra: Tensor = torch.fft.rfft(frames * self.window)
        return spectra.mT

    def features(self, analysed: Tensor) -> Tensor:
        """Magnitudes [B, F, K], compressed so that weak components count too."""
        power = analysed.real.square() + analysed.imag.square()
        return (power + _TINY).pow(_COMPRESSION / 2)

    def synthesise(self, analysed: Tensor, *, num_samples: int) -> Tensor:
        """Spectra [B, F, K] to a signal [B, T]."""
        frames = torch.fft.irfft(analysed.mT, n=self.filter_length) * self.window
        return _overlap_add(frames, stride=self.stride, num_samples=num_samples)


class NormalisedStft:
    """STFT with a square-root Hann window on both sides, for any hop up to half of the window.

    Synthesis divides by the sum of the squared windows (Griffin and Lim, 1984), so that unchanged spectra give the
    signal back. Window and stride are in samples.
    """

    def __init__(self, *, window: int, stride: int) -> None:
        self.window = window
        self.stride = stride
        self.num_bins = window // 2 + 1

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Number of frames [B] of signals of these lengths [B]."""
        return covering_frames(lengths, filter_length=self.window, stride=self.stride)

    def analyse(self, signal: Tensor) -> Tensor:
        """Signal [B, T] to complex spectra [B, F, K]."""
        frames = _cut(signal, length=self.window, stride=self.stride)
        spectra: Tensor = torch.fft.rfft(frames * self._taper(signal))
        return spectra.mT

    def synthesise(self, spectra: Tensor, *, num_samples: int) -> Tensor:
        """Spectra [B, F, K] of `analyse` to signals [B, T], T = `num_samples`."""
        frames = torch.fft.irfft(spectra.mT, n=self.window)
        taper = self._taper(frames)
        weights = taper.square().expand(1, frames.shape[1], -1)
        total, weight = (
            _overlap_add(windowed, stride=self.stride, num_samples=num_samples)
            for windowed in (frames * taper, weights)
        )
        return total / weight

    def _taper(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.window, dtype=like.dtype, device=like.device).sqrt()


def make_bank(name: BankName, *, num_filters: int, filter_length: int, stride: int) -> LearnedBank | StftBank:
    """Build the filterbank called `name`; the STFT has L/2 + 1 channels whatever `num_filters` is."""
    if name == "stft":
        return StftBank(filter_length=filter_length, stride=stride)
    return LearnedBank(num_filters=num_filters, filter_length=filter_length, stride=stride)


def _cut(signal: Tensor, *, length: int, stride: int) -> Tensor:
    """Frames [B, K, L] of signals [B, T], zeros around them."""
    before = length - stride
    frames = (signal.shape[-1] - 1 + before) // stride + 1
    after = (frames - 1) * stride + length - before - signal.shape[-1]
    return F.pad(signal, (before, after)).unfold(-1, length, stride)


def _overlap_add(frames: Tensor, *, stride: int, num_samples: int) -> Tensor:
    """Sum [B, T] of frames [B, K, L] that `_cut` made of T = `num_samples`."""
    count, length = frames.shape[1:]
    total = (count - 1) * stride + length
    added = F.fold(frames.mT, (1, total), (1, length), stride=(1, stride))[:, 0, 0]
    before = length - stride
    return added[:, before : before + num_samples]
