"""The algorithm of Griffin and Lim, from the phase of the mixture on: a vocoder without weights."""

from __future__ import annotations

import torch
from torch import Tensor

from ..log_mel import LogMel

_SMALLEST = 1e-12


class GriffinLim:
    """Magnitudes from log-mel spectra with the fine structure of the mixture, and a phase from the mixture's on.

    It does not know what speech or sounds are: where the mixture holds nothing of the target, a trained vocoder is
    better. With the true log-mel spectra of the embedded data (64 bands, 1024/160), 8 iterations reach 12 to 13 dB SNR,
    and more of them, or a momentum, less.
    """

    def __init__(self, mel: LogMel, *, iterations: int = 8, momentum: float = 0.0) -> None:
        self.mel = mel
        self.description = f"Griffin-Lim, {iterations} iterations from the phase of the mixture"
        self._iterations = iterations
        self._momentum = momentum

    def synthesise(self, log_mel: Tensor, *, mixture: Tensor) -> Tensor:
        """Log-mel spectra [B, n_mels, K] and mixtures [B, T] of the same frames to waveforms [B, T]."""
        magnitude = self.mel.to_magnitude(log_mel, like=self.mel.magnitude(mixture))
        return griffin_lim(
            magnitude, mel=self.mel, phase_of=mixture, iterations=self._iterations, momentum=self._momentum
        )


def griffin_lim(magnitude: Tensor, *, mel: LogMel, phase_of: Tensor, iterations: int, momentum: float = 0.99) -> Tensor:
    """Waveforms [B, T] whose spectra nearly have the magnitudes [B, F, K], with phases near those of signals [B, T].

    Each iteration takes the spectrum of the nearest signal and gives it the magnitudes again. With a momentum α it is
    the fast variant (Perraudin et al., 2013, alg. 2); with 0 the distance never grows (Griffin and Lim, 1984).
    """
    num_samples = phase_of.shape[-1]
    spectrum = _with_magnitude(mel.spectrum(phase_of), magnitude)
    before = spectrum
    for _ in range(iterations):
        consistent = mel.spectrum(mel.signal(spectrum, num_samples=num_samples))
        moved = consistent + momentum * (consistent - before)
        before = consistent
        spectrum = _with_magnitude(moved, magnitude)
    return mel.signal(spectrum, num_samples=num_samples)


def _with_magnitude(spectrum: Tensor, magnitude: Tensor) -> Tensor:
    """The magnitudes with the phases of a spectrum; phase 0 where it is 0."""
    level = spectrum.abs()
    direction = torch.where(level > _SMALLEST, spectrum / level.clamp_min(_SMALLEST), torch.ones_like(spectrum))
    return magnitude * direction
