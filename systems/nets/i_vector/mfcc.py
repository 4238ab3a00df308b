"""Mel-frequency cepstra of padded batches of speech, for speaker models.

Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in continuously
spoken sentences", IEEE TASSP 28(4), 1980. Everything is in float64, on frames inside of the signals, so that padding a
batch does not change a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor
from torch.nn import functional as F

from ....core.mel import slaney_filters
from ..filterbank import rms

Normalise = Literal["none", "mean", "mean_variance"]

_PRE_EMPHASIS = 0.97
_FLOOR = 1e-6  # of the power in a mel band, at unit RMS
_QUIETEST_DB = -120.0  # level of silence, at unit RMS
_DELTA_REACH = 2  # frames to each side (Young et al., The HTK Book, eq. 5.16)
_SMALLEST_VARIANCE = 1e-6  # a coefficient that does not vary stays zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Mfcc:
    """Cepstra with their slopes, and voice activity of the frames."""

    sample_rate_hz: int  # of the signals
    window: int  # of a frame (Hamming), in samples
    stride: int  # in samples
    num_mels: int  # bands
    num_ceps: int  # coefficients of each order, with the one of the level
    num_deltas: int  # orders of slopes in addition to the cepstra
    vad_db: float  # frames more than this below the strongest one count as non-speech
    normalise: Normalise  # remove the mean, or mean and variance, over the speech of a recording

    def __call__(self, signals: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Analyse recordings.

        Args:
            signals: [B, T], zeros past each length.
            lengths: [B]; a shorter recording than a frame counts as one frame.

        Returns:
            Features [B, K, D] float64, and whether each frame is speech [B, K] bool; at least one in each row.
        """
        frames, counts = self._frames(signals, lengths)
        inside = torch.arange(frames.shape[1], device=frames.device) < counts[:, None]
        active = self._active(frames, inside)
        features = self._cepstra(frames)
        orders = [features]
        for _ in range(self.num_deltas):
            orders.append(deltas(orders[-1], counts))
        return _normalised(torch.cat(orders, dim=-1), active, self.normalise), active

    def _frames(self, signals: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Pre-emphasised frames [B, K, window] at unit RMS, and the number [B] inside of each recording."""
        level = rms(signals, lengths).double()
        padded = F.pad(signals.double() / level, (1, max(0, self.window - signals.shape[-1])))
        emphasised = padded[:, 1:] - _PRE_EMPHASIS * padded[:, :-1]
        frames = emphasised.unfold(-1, self.window, self.stride)
        beyond = (lengths - self.window).clamp_min(0)
        return frames, 1 + torch.div(beyond, self.stride, rounding_mode="floor")

    def _active(self, frames: Tensor, inside: Tensor) -> Tensor:
        power = frames.square().mean(dim=-1)
        level_db = 10.0 * torch.log10(power.clamp_min(10.0 ** (_QUIETEST_DB / 10.0)))
        highest_db = level_db.masked_fill(~inside, _QUIETEST_DB).amax(dim=-1, keepdim=True)
        return inside & (level_db >= highest_db - self.vad_db)

    def _cepstra(self, frames: Tensor) -> Tensor:
        taper = torch.hamming_window(self.window, dtype=frames.dtype, device=frames.device)
        power = torch.fft.rfft(frames * taper).abs().square() / taper.square().sum()
        filters, cosines = (
            torch.from_numpy(matrix).to(frames)
            for matrix in _matrices(self.sample_rate_hz, self.window, self.num_mels, self.num_ceps)
        )
        return torch.log(power @ filters.T + _FLOOR) @ cosines.T


def deltas(features: Tensor, counts: Tensor) -> Tensor:
    """Slopes per frame of features [B, K, D] by regression over two frames to each side.

    The value at either end of the `counts` [B] frames of a recording is repeated.
    """
    last = (counts - 1)[:, None]
    here = torch.arange(features.shape[1], device=features.device)[None]
    total = torch.zeros_like(features)
    for k in range(1, _DELTA_REACH + 1):
        ahead, behind = torch.minimum(here + k, last), (here - k).clamp_min(0).expand(len(last), -1)
        total = total + k * (_at(features, ahead) - _at(features, behind))
    return total / (2 * sum(k * k for k in range(1, _DELTA_REACH + 1)))


def _at(features: Tensor, index: Tensor) -> Tensor:
    return features.gather(1, index[:, :, None].expand(-1, -1, features.shape[-1]))


def _normalised(features: Tensor, active: Tensor, how: Normalise) -> Tensor:
    """Normalise features [B, K, D] to zero mean, or zero mean and unit variance, over active frames."""
    if how == "none":
        return features
    weight = active[:, :, None] / active.sum(dim=1)[:, None, None].to(features.dtype)
    centred = features - (features * weight).sum(dim=1, keepdim=True)
    if how == "mean":
        return centred
    variance = (centred.square() * weight).sum(dim=1, keepdim=True)
    return centred / variance.clamp_min(_SMALLEST_VARIANCE).sqrt()


@lru_cache(maxsize=4)
def _matrices(sample_rate_hz: int, window: int, num_mels: int, num_ceps: int) -> tuple[np.ndarray, np.ndarray]:
    """Mel bands of height 1 [M, F], and the cosines [N, M] of their logarithms."""
    filters = slaney_filters(num_mels, n_fft=window, sample_rate_hz=sample_rate_hz)
    # Bands of equal area: a narrow one in the low frequencies would tower over the floor.
    heights = filters.sum(axis=1, keepdims=True)
    bands = filters / np.where(heights > 0.0, heights, 1.0)
    cosines = dct(np.eye(num_mels), type=2, norm="ortho", axis=0)[:num_ceps]
    return bands, np.ascontiguousarray(cosines)
