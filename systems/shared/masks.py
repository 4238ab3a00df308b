"""Oracle masks: short-time Fourier transform and the system that all masks share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import ConfigError
from ...datasets.types import Truth
from ..protocol import Extraction, QueryBatch, SystemCard
from .batches import equal_lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectra:
    """Complex spectra [B, F, N] (N frames) of the signals that a mask is computed from."""

    mixture: Tensor
    target: Tensor
    interference: Tensor


Mask = Callable[[Spectra], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stft:
    """Short-time Fourier transform with a square-root Hann window on both sides.

    Synthesis divides the overlap-added frames by the sum of the squared windows (Griffin and Lim, 1984), so unchanged
    spectra give the signal back for any window and hop. Everything is in float64: a row of a batch then rounds to the
    same float32 samples as the row alone. In float32 the last bits of a masked row depend on the split of the batch
    between threads.

    Raises:
        ConfigError: the hop is not above zero, or is more than half of the window.
    """

    window_ms: float  # length of the window, and of the transform
    hop_ms: float  # distance of the frames, at most half of the window

    def __post_init__(self) -> None:
        if not 0 < self.hop_ms <= self.window_ms / 2:
            raise ConfigError(
                f"hop_ms = {self.hop_ms:g} with window_ms = {self.window_ms:g}: the hop must be "
                "above 0 and at most half of the window; use for example 32 and 8"
            )

    def analyse(self, signal: Tensor, sample_rate_hz: int) -> Tensor:
        """Spectra [B, F, N] complex128 of signals [B, T]."""
        window, hop = self._samples(sample_rate_hz)
        # One more window of zeros lets whole frames cover the last samples.
        padded = F.pad(signal.double(), (0, window))
        return torch.stft(
            padded, window, hop, window=_sqrt_hann(window, signal.device), pad_mode="constant", return_complex=True
        )

    def synthesise(self, spectra: Tensor, length: int, sample_rate_hz: int) -> Tensor:
        """Signals [B, length] float64 of spectra [B, F, N]."""
        window, hop = self._samples(sample_rate_hz)
        return torch.istft(spectra, window, hop, window=_sqrt_hann(window, spectra.device), length=length)

    def _samples(self, sample_rate_hz: int) -> tuple[int, int]:
        """Window and hop in samples."""
        window = max(2, round(self.window_ms * sample_rate_hz / 1000))
        hop = max(1, round(self.hop_ms * sample_rate_hz / 1000))
        return window, min(hop, window // 2)


class MaskOracle:
    """Oracle that multiplies the spectra of the mixture by a mask made from the truth.

    Queries of equal length are computed together, at their true length. An absent target gives zeros. `mask` maps
    spectra to a real mask [B, F, N].
    """

    def __init__(self, *, card: SystemCard, stft: Stft, mask: Mask, device: str) -> None:
        self.card = card
        self._stft = stft
        self._mask = mask
        self._device = torch.device(device)

    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; `truths` are at the batch's rate, unpadded."""
        mixture = batch.mixture[:, 0].to(self._device)
        estimate = torch.zeros_like(mixture)
        targets = present_targets(truths)
        for length, rows in equal_lengths(batch, targets):
            target = torch.stack([targets[row] for row in rows])
            interference = torch.stack([truths[row].interferers.sum(dim=0) for row in rows])
            spectra = Spectra(
                mixture=self._spectra(mixture[rows, :length], batch),
                target=self._spectra(target, batch),
                interference=self._spectra(interference, batch),
            )
            masked = self._mask(spectra) * spectra.mixture
            signal = self._stft.synthesise(masked, length, batch.sample_rate_hz)
            estimate[rows, :length] = signal.to(estimate.dtype)
        return Extraction(estimate=estimate)

    def _spectra(self, signal: Tensor, batch: QueryBatch) -> Tensor:
        return self._stft.analyse(signal.to(self._device), batch.sample_rate_hz)


def present_targets(truths: Sequence[Truth]) -> Mapping[int, Tensor]:
    """The first channel [T] of each target that is present, by row of the batch."""
    return {row: truth.target[0] for row, truth in enumerate(truths) if truth.target is not None}


def safe_ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Elementwise quotient, and 0 where the denominator is 0."""
    empty = denominator == 0
    return torch.where(empty, 0.0, numerator / torch.where(empty, 1.0, denominator))


def _sqrt_hann(length: int, device: torch.device) -> Tensor:
    return torch.hann_window(length, dtype=torch.float64, device=device).sqrt()
