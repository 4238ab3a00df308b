"""How smooth an estimate's spectrum is: samples of a posterior are less smooth than its mean."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR_DB = 40.0  # below the target's loudest bin, about where the mixtures' noise floor lies


def log_variance(signal: Tensor, reference: Tensor) -> float:
    """Variance of log₁₀|X| over all bins of a signal [T], with a floor below the reference's loudest bin."""
    window = torch.hann_window(256)
    spectra = [torch.stft(each, 256, 128, window=window, return_complex=True).abs() for each in (signal, reference)]
    return float(spectra[0].clamp_min(spectra[1].max() * 10 ** (-FLOOR_DB / 20)).log10().var())
