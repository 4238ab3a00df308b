"""The way from a log-mel spectrum to a waveform by a mask on the mixture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .log_mel import LogMel
from .spectra import overlapped

AT_FLOOR = 1e-3
"""How far above the logarithm of the floor a log-mel value still counts as the floor."""


def masked(log_mel: LogMel, *, mixture: Tensor, estimate: Tensor) -> Tensor:
    """Signals [B, T] with the phase of a mixture [B, T], by the ratio of an estimate's mel magnitudes to the mixture's.

    The ratio is at most 1, and 0 where the log-mel estimate [B, n_mels, K], K = ⌈T / hop⌉, is at the floor. Each bin
    takes the mean of the ratios of the bands that cover it, weighted by their filters. Spectra are computed in float64,
    so that a row of a batch has the samples of the row alone. The hop is even.
    """
    samples, count = mixture.shape[-1], estimate.shape[-1]
    half = log_mel.hop // 2
    # With hop/2 zeros in front, frame k + 1 of a centred transform is frame k of the log-mel spectrum. Frames 0 and
    # K + 1 also overlap with the signal, and take the gains of their neighbours.
    padded = F.pad(mixture.double(), (half, (count + 1) * log_mel.hop - half - samples))
    window = torch.hann_window(log_mel.n_fft, dtype=torch.float64, device=mixture.device)
    spectrum = torch.stft(
        padded, log_mel.n_fft, hop_length=log_mel.hop, window=window, pad_mode="constant", return_complex=True
    )
    own = log_mel.from_magnitude(spectrum[..., 1:-1].abs())
    ratio = torch.where(
        estimate > torch.tensor(log_mel.floor).log() + AT_FLOOR, (estimate - own).exp().clamp_max(1.0), 0.0
    )
    gain = F.pad(_spread(log_mel, ratio), (1, 1), mode="replicate")
    frames = torch.fft.irfft(spectrum * gain, n=log_mel.n_fft, dim=1)
    before = log_mel.n_fft // 2 + half
    return overlapped(frames, window, hop=log_mel.hop, before=before, num_samples=samples)


def _spread(log_mel: LogMel, ratio: Tensor) -> Tensor:
    """Ratios of bands [B, n_mels, K] as gains of bins [B, F, K]."""
    filters = log_mel.filters(ratio.double())
    covered = filters.sum(dim=0)
    weights = filters / torch.where(covered > 0, covered, 1.0)
    # 0 Hz and half the rate lie at the foot of the outermost bands.
    weights[0, 0] = weights[-1, -1] = 1.0
    return weights.T @ ratio.double()
