"""Learned analysis and synthesis filterbanks of time-domain networks, and their level normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .past import Past, after_past
from .tcn import apply_mask, frame_mask


def rms(signal: Tensor, lengths: Tensor) -> Tensor:
    """Root mean square [B, 1] of signals [B, T] over their lengths [B]; 1 for a silent one."""
    # In double, since the squares of a very quiet signal are below float32's smallest number.
    power = signal.double().square().sum(dim=-1) / lengths.clamp_min(1)
    level = power.sqrt().to(signal.dtype)
    return torch.where(level > 0, level, torch.ones_like(level))[:, None]


def covering_frames(lengths: Tensor, *, filter_length: int, stride: int) -> Tensor:
    """Number [B] of frames that touch signals of these lengths [B], frame k from k·stride − (L − stride)."""
    return torch.div(lengths - 1 + filter_length - stride, stride, rounding_mode="floor") + 1


class Encoder(nn.Module):
    """Convolution with N filters of L samples, and ReLU unless it is linear (Luo and Mesgarani, 2019, eq. 2).

    The signal is padded so that each of its samples is covered by the same number of frames and the frames of a signal
    do not change when zeros follow it, which makes padding of a batch neutral.

    Args:
        covering: frames cover all samples alike; else, as in a convolution without padding, only the frames inside of
            the signal are used, but at least one.
    """

    def __init__(
        self,
        *,
        num_filters: int,
        filter_length: int,
        stride: int,
        rectify: bool = True,
        covering: bool = True,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.before = filter_length - stride if covering else 0
        self.covering = covering
        self.filter_length = filter_length
        self.stride = stride
        self.rectify = rectify
        self.filters = nn.Conv1d(1, num_filters, filter_length, stride=stride, bias=bias)

    def num_frames(self, num_samples: int) -> int:
        """Number of frames of a signal of `num_samples` ≥ 1 samples."""
        if not self.covering:
            return max(0, num_samples - self.filter_length) // self.stride + 1
        return (num_samples - 1 + self.before) // self.stride + 1

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """`num_frames` of each length [B]."""
        if self.covering:
            return covering_frames(lengths, filter_length=self.filter_length, stride=self.stride)
        inside = (lengths - self.filter_length).clamp_min(0)
        return torch.div(inside, self.stride, rounding_mode="floor") + 1

    def frame_middles(self, num_samples: int, *, device: torch.device | str = "cpu") -> Tensor:
        """Middle [K] of each frame of a signal of `num_samples`, in samples from its start, float64."""
        frames = torch.arange(self.num_frames(num_samples), device=device, dtype=torch.float64)
        return frames * self.stride + self.filter_length / 2 - self.before

    def forward(self, signal: Tensor) -> Tensor:
        """Signal [B, T] to features [B, N, K], non-negative if rectified."""
        num_samples = signal.shape[-1]
        needed = (self.num_frames(num_samples) - 1) * self.stride + self.filter_length
        # Samples after the last frame are left out: the second number may be negative.
        padded = F.pad(signal, (self.before, needed - self.before - num_samples))
        return self._filtered(padded)

    def part(self, samples: Tensor, past: Past) -> Tensor:
        """Next part [B, T] of a stream, T a multiple of the stride, to the features [B, N, T / stride] that it ends."""
        return self._filtered(after_past(samples, frames=self.before, layer=self, past=past))

    def _filtered(self, padded: Tensor) -> Tensor:
        features: Tensor = self.filters(padded[:, None])
        return F.relu(features) if self.rectify else features

    def with_mask(self, signal: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features [B, N, K] of signals [B, T], zeros past each length, and the mask of frames.

        Without `covering` the frames that follow the last inside of a signal contain its last samples; they are set to
        zero.
        """
        features = self(signal)
        mask = frame_mask(self.frame_counts(lengths), num_frames=features.shape[-1])
        return features if self.covering else apply_mask(features, mask), mask


class Decoder(nn.Module):
    """Transposed convolution back to samples: the overlap-add of learned basis signals; see `Encoder`."""

    def __init__(self, *, num_filters: int, filter_length: int, stride: int, covering: bool = True) -> None:
        super().__init__()
        self.before = filter_length - stride if covering else 0
        self.stride = stride
        self.basis = nn.ConvTranspose1d(num_filters, 1, filter_length, stride=stride, bias=False)

    def forward(self, features: Tensor, *, num_samples: int) -> Tensor:
        """Features [B, N, K] of an `Encoder` to a signal [B, T], T = `num_samples`."""
        signal: Tensor = self.basis(features)[:, 0]
        stop = self.before + num_samples
        # Zeros where no frame lies; frames that cover all samples leave none out.
        return F.pad(signal[:, self.before : stop], (0, max(0, stop - signal.shape[-1])))

    def part(self, features: Tensor, past: Past) -> Tensor:
        """Next K frames [B, N, K] of a stream to the samples [B, K·stride] that no later frame covers.

        The first L − stride samples of a stream lie before its signal.
        """
        earlier = -(-self.before // self.stride)
        signal: Tensor = self.basis(after_past(features, frames=earlier, layer=self, past=past))[:, 0]
        start = earlier * self.stride
        return signal[:, start : start + features.shape[-1] * self.stride]
