"""Learned analysis and synthesis filterbanks of time-domain networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Encoder(nn.Module):
    """Strided convolution, and ReLU unless it is linear (Luo and Mesgarani, 2019, eq. 2).

    The signal is padded so that each of its samples is covered by the same number of frames and
    the frames of a signal do not change when zeros follow it: padding a batch is neutral here.

    Args:
        num_filters: N.
        filter_length: L, in samples.
        stride: hop, in samples.
        rectify: whether the features pass a ReLU.
    """

    def __init__(
        self, *, num_filters: int, filter_length: int, stride: int, rectify: bool = True
    ) -> None:
        super().__init__()
        self.filter_length = filter_length
        self.stride = stride
        self.rectify = rectify
        self.filters = nn.Conv1d(1, num_filters, filter_length, stride=stride, bias=False)

    def num_frames(self, num_samples: int) -> int:
        """K: frames that touch a signal of `num_samples` ≥ 1 samples.

        Frame k starts at sample k·stride − (L − stride), so that the last one is the last that
        starts before the signal ends.
        """
        return (num_samples - 1 + self.filter_length - self.stride) // self.stride + 1

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """`num_frames` of each length [B]."""
        last = lengths - 1 + self.filter_length - self.stride
        return torch.div(last, self.stride, rounding_mode="floor") + 1

    def forward(self, signal: Tensor) -> Tensor:
        """Signal [B, T] to features [B, N, K], non-negative if rectified."""
        num_samples = signal.shape[-1]
        before = self.filter_length - self.stride
        needed = (self.num_frames(num_samples) - 1) * self.stride + self.filter_length
        padded = F.pad(signal, (before, needed - before - num_samples))
        features: Tensor = self.filters(padded[:, None])
        return F.relu(features) if self.rectify else features


class Decoder(nn.Module):
    """Transposed convolution back to samples: the overlap-add of learned basis signals.

    Args:
        num_filters: N.
        filter_length: L, in samples.
        stride: hop, in samples.
    """

    def __init__(self, *, num_filters: int, filter_length: int, stride: int) -> None:
        super().__init__()
        self.before = filter_length - stride
        self.basis = nn.ConvTranspose1d(num_filters, 1, filter_length, stride=stride, bias=False)

    def forward(self, features: Tensor, *, num_samples: int) -> Tensor:
        """Features [B, N, K] of an `Encoder` to a signal [B, T], T = `num_samples`."""
        signal: Tensor = self.basis(features)[:, 0]
        return signal[:, self.before : self.before + num_samples]
