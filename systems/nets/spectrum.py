"""Short-time spectra for networks, on the frames of `Encoder`: padding a batch is neutral."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


class Spectrum:
    """Short-time Fourier transform with a square-root Hann window on both sides.

    Synthesis divides by the sum of the squared windows (Griffin and Lim, 1984), so that unchanged
    spectra give the signal back.

    Args:
        window: in samples.
        stride: hop, in samples, at most half of the window.
    """

    def __init__(self, *, window: int, stride: int) -> None:
        self.window = window
        self.stride = stride
        self.num_bins = window // 2 + 1

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames [B] that touch signals of these lengths [B]."""
        last = lengths - 1 + self.window - self.stride
        return torch.div(last, self.stride, rounding_mode="floor") + 1

    def analyse(self, signal: Tensor) -> Tensor:
        """Signal [B, T] to complex spectra [B, F, K]."""
        before = self.window - self.stride
        reach = (signal.shape[-1] - 1 + before) // self.stride * self.stride
        padded = F.pad(signal, (before, reach + self.window - before - signal.shape[-1]))
        frames = padded.unfold(-1, self.window, self.stride) * self._taper(signal)
        spectra: Tensor = torch.fft.rfft(frames)
        return spectra.transpose(1, 2)

    def synthesise(self, spectra: Tensor, *, num_samples: int) -> Tensor:
        """Spectra [B, F, K] of `analyse` to signals [B, T], T = `num_samples`."""
        frames = torch.fft.irfft(spectra.transpose(1, 2), n=self.window)
        taper = self._taper(frames)
        total = self._overlap_add((frames * taper).transpose(1, 2))
        weight = self._overlap_add(taper.square()[None, :, None].expand(1, -1, frames.shape[1]))
        before = self.window - self.stride
        inside = slice(before, before + num_samples)
        signal: Tensor = total[:, inside] / weight[:, inside]
        return signal

    def _overlap_add(self, frames: Tensor) -> Tensor:
        """Frames [B, window, K] to signals [B, T']."""
        size = (frames.shape[-1] - 1) * self.stride + self.window
        added = F.fold(frames, (1, size), kernel_size=(1, self.window), stride=(1, self.stride))
        return added[:, 0, 0]

    def _taper(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.window, dtype=like.dtype, device=like.device).sqrt()
