"""Analysis and synthesis of a separator: a learned filterbank, or a short-time Fourier transform.

Both have frames at k·hop − (L − hop), so that each sample lies in the same number of frames and
zeros that follow a signal do not change its frames.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .filterbank import Decoder, Encoder

BankName = Literal["learned", "stft"]
_COMPRESSION = 0.3
_TINY = 1e-8


class LearnedBank(nn.Module):
    """Convolution and ReLU, and a transposed convolution back.

    Args:
        num_filters: N.
        filter_length: L, in samples.
        stride: hop, in samples.
    """

    def __init__(self, *, num_filters: int, filter_length: int, stride: int) -> None:
        super().__init__()
        self.encoder = Encoder(num_filters=num_filters, filter_length=filter_length, stride=stride)
        self.decoder = Decoder(num_filters=num_filters, filter_length=filter_length, stride=stride)
        self.num_channels = num_filters

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames of signals of `lengths` [B]."""
        return self.encoder.frame_counts(lengths)

    def analyse(self, signal: Tensor) -> Tensor:
        """Signal [B, T] to what masks are applied to [B, N, K]."""
        encoded: Tensor = self.encoder(signal)
        return encoded

    def features(self, analysed: Tensor) -> Tensor:
        """What a network hears: the same."""
        return analysed

    def synthesise(self, analysed: Tensor, *, num_samples: int) -> Tensor:
        """[B, N, K] to a signal [B, T]."""
        signal: Tensor = self.decoder(analysed, num_samples=num_samples)
        return signal


class StftBank(nn.Module):
    """Short-time Fourier transform with a square-root Hann window on both sides.

    Args:
        filter_length: L, window and transform, in samples; even.
        stride: hop; L must be a multiple of it, at least twice.
    """

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
        """Frames of signals of `lengths` [B]."""
        last = lengths - 1 + self.filter_length - self.stride
        return torch.div(last, self.stride, rounding_mode="floor") + 1

    def analyse(self, signal: Tensor) -> Tensor:
        """Signal [B, T] to spectra [B, F, K], complex."""
        before = self.filter_length - self.stride
        frames = (signal.shape[-1] - 1 + before) // self.stride + 1
        after = (frames - 1) * self.stride + self.filter_length - before - signal.shape[-1]
        cut = F.pad(signal, (before, after)).unfold(-1, self.filter_length, self.stride)
        spectra: Tensor = torch.fft.rfft(cut * self.window).mT
        return spectra

    def features(self, analysed: Tensor) -> Tensor:
        """Compressed magnitudes [B, F, K], so that weak components are heard too."""
        power = analysed.real.square() + analysed.imag.square()
        return (power + _TINY).pow(_COMPRESSION / 2)

    def synthesise(self, analysed: Tensor, *, num_samples: int) -> Tensor:
        """Spectra [B, F, K] to a signal [B, T]."""
        frames = torch.fft.irfft(analysed.mT, n=self.filter_length) * self.window
        total = (frames.shape[1] - 1) * self.stride + self.filter_length
        added = F.fold(frames.mT, (1, total), (1, self.filter_length), stride=(1, self.stride))[:, 0, 0]
        before = self.filter_length - self.stride
        return added[:, before : before + num_samples]


def make_bank(name: BankName, *, num_filters: int, filter_length: int, stride: int) -> LearnedBank | StftBank:
    """The filterbank called `name`; the STFT has L/2 + 1 channels whatever `num_filters` is."""
    if name == "stft":
        return StftBank(filter_length=filter_length, stride=stride)
    return LearnedBank(num_filters=num_filters, filter_length=filter_length, stride=stride)
