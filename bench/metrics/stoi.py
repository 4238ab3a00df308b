"""STOI and ESTOI, batched in float64, with the values of pystoi 0.4.1."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .chunks import in_chunks
from .octave import resampled, resampled_length
from .protocol import METRICS, MetricInfo, Signals

REVISION = "pystoi:0.4.1|tsebench:2"
RATE_HZ = 10000
FRAME, HOP, FFT = 256, 128, 512
BANDS, LOWEST_HZ = 15, 150.0
SEGMENT = 30
"""Frames of a segment: 0.384 s."""
RANGE_DB = 40.0
"""Frames of the reference that are further below the loudest one are left out."""
CLIP = 1.0 + 10.0 ** (15.0 / 20.0)
"""A band is clipped where its SDR would be under −15 dB."""
EPS = torch.finfo(torch.float64).eps
CPU_VALUES, DEVICE_VALUES = 1 << 17, 1 << 24
"""Values in each step from blocks to envelopes, and in the segments compared; see `chunks`."""


class Stoi:
    """`stoi` (Taal et al., 2011) or `estoi` (Jensen and Taal, 2016).

    Args:
        extended: ESTOI instead of STOI.
    """

    def __init__(self, *, extended: bool = False) -> None:
        self.extended = extended
        name = "estoi" if extended else "stoi"
        self.info = MetricInfo(
            name=name,
            unit="0..1",
            higher_is_better=True,
            description=f"{'extended ' * extended}short-time objective intelligibility",
            improvement=f"{name}i",
            undefined_reason="too_short",
        )

    def signature(self, sample_rate_hz: int) -> str:
        """For example `stoi|torch|f64|fs:8000>10000|pystoi:0.4.1|tsebench:2`."""
        rate = str(RATE_HZ) if sample_rate_hz == RATE_HZ else f"{sample_rate_hz}>{RATE_HZ}"
        return f"{self.info.name}|torch|f64|fs:{rate}|{REVISION}"

    def compute(self, signals: Signals) -> Tensor:
        """Intelligibility [B], about 0 to 1, float64; 0 for a silent estimate.

        NaN where the reference has fewer than 31 frames of 25.6 ms, half overlapping, within
        40 dB of the loudest one.
        """
        return in_chunks(self._values, signals)

    def _values(self, signals: Signals) -> Tensor:
        return stoi(
            estimate=signals.estimate,
            reference=signals.reference,
            lengths=signals.lengths,
            sample_rate_hz=signals.sample_rate_hz,
            extended=self.extended,
        )


def stoi(
    *,
    estimate: Tensor,
    reference: Tensor,
    lengths: Tensor,
    sample_rate_hz: int,
    extended: bool = False,
) -> Tensor:
    """Mean correlation of the band envelopes of two signals, over segments of 0.384 s.

    Args:
        estimate: ŝ [B, T].
        reference: s [B, T].
        lengths: [B] true lengths; both signals are zero past them.
        sample_rate_hz: the signals are resampled from it to 10 kHz.
        extended: ESTOI instead of STOI.

    Returns:
        [B] float64, NaN where there is no segment. STOI differs from pystoi's by rounding, about
        1e-12. To ESTOI pystoi adds noise of 1e-16 before each normalisation, which changes the
        value by less than 1e-9. Where the envelopes of an estimate are constant for a whole
        segment (digital silence), it correlates this noise alone, and its value is different
        every time; here such an envelope has the correlation 0, the mean of what pystoi draws.

    Source: Taal et al., "An algorithm for intelligibility prediction of time-frequency weighted
        noisy speech", 2011, equations 1 to 6; Jensen and Taal, "An algorithm for predicting the
        intelligibility of speech masked by modulated noise maskers", 2016, equations 2 to 8.
    """
    if not len(lengths):
        return estimate.new_zeros(0, dtype=torch.float64)
    longest = int(lengths.max())
    pair = torch.stack([reference[..., :longest], estimate[..., :longest]]).double()
    pair = resampled(pair, from_hz=sample_rate_hz, to_hz=RATE_HZ)
    lengths = resampled_length(lengths, from_hz=sample_rate_hz, to_hz=RATE_HZ)
    blocks, counts = _loud_blocks(pair, lengths)
    # The frames of pystoi's transforms stop before the last one that would fit.
    segments = counts - 1 - (SEGMENT - 1)
    total = pair.new_zeros(pair.shape[1])
    if bool((segments > 0).any()):
        envelopes = _envelopes(blocks)
        measure = _extended_intelligibility if extended else _intelligibility
        for start, part in _segments(envelopes):
            scores = measure(*part)
            place = torch.arange(start, start + scores.shape[-1], device=scores.device)
            total += torch.where(place < segments[:, None], scores, 0.0).sum(dim=-1)
    return torch.where(segments > 0, total / segments, torch.nan)


def _window(device: torch.device) -> Tensor:
    """Hann, of 258 points without the zeros at its ends."""
    return torch.hann_window(FRAME + 2, periodic=False, dtype=torch.float64, device=device)[1:-1]


def _loud_blocks(pair: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Both signals without the frames in which the reference is silent.

    The frames that are left are windowed, and overlapped by half and added. What comes out is in
    blocks of half a frame, because the sum of frames k and k + 1 is block k + 1.

    Args:
        pair: reference and estimate [2, B, T].
        lengths: [B].

    Returns:
        Blocks [2, B, K + 1, 128], and the number of frames that are left [B]; K is its maximum.
        Blocks past the end of an item are arbitrary.
    """
    # pystoi has no frame that ends with the signal: frames start at 0, 128, ... < T − 256.
    frames = (lengths - FRAME + HOP - 1).clamp(min=0) // HOP
    most = int(frames.max())
    pair = F.pad(pair, (0, max(0, (most + 1) * HOP - pair.shape[-1])))
    blocks = pair[..., : (most + 1) * HOP].reshape(*pair.shape[:-1], most + 1, HOP)
    window = _window(pair.device)
    rising, falling = window[:HOP], window[HOP:]
    halves = blocks[0].square() @ torch.stack([rising, falling], dim=-1).square()
    energies = halves[:, :-1, 0] + halves[:, 1:, 1]
    levels = 20.0 * torch.log10(energies.sqrt() + EPS)
    inside = torch.arange(most, device=pair.device) < frames[:, None]
    levels = torch.where(inside, levels, -torch.inf)
    if most:
        inside &= levels.amax(dim=-1, keepdim=True) - RANGE_DB - levels < 0
    counts = inside.sum(dim=-1)
    # Frames that are left come first, in their order.
    kept = (~inside).to(torch.uint8).argsort(dim=-1, stable=True)[:, : int(counts.max())]
    places = kept + (most + 1) * torch.arange(len(kept), device=pair.device)[:, None]
    loud = _at(blocks, F.pad(places, (0, 1))) * rising
    loud[..., -1, :] = 0.0
    loud[..., 1:, :] += _at(blocks, places + 1) * falling
    return loud, counts


def _at(blocks: Tensor, places: Tensor) -> Tensor:
    """Blocks [2, B, N, 128] at places [B, K] of the flat [B · N]: [2, B, K, 128]."""
    found = blocks.flatten(1, 2).index_select(1, places.flatten())
    return found.reshape(len(blocks), *places.shape, HOP)


def _envelopes(blocks: Tensor) -> Tensor:
    """Root energies [2, B, 15, K − 1] of the third-octave bands of every frame (equation 1)."""
    window, bands = _window(blocks.device), _bands(blocks.device)
    size = max(1, _values(blocks.device) // (blocks[..., 0, 0].numel() * FFT))
    parts = []
    for start in range(0, blocks.shape[-2] - 2, size):
        reach = blocks[..., start : min(start + size + 1, blocks.shape[-2] - 1), :]
        frames = torch.cat([reach[..., :-1, :], reach[..., 1:, :]], dim=-1)
        spectra = torch.fft.rfft(frames.mul_(window), FFT)[..., : bands.shape[-1]]
        parts.append((spectra.real.square() + spectra.imag.square()) @ bands.mT)
    return torch.cat(parts, dim=-2).sqrt_().mT.contiguous()


def _values(device: torch.device) -> int:
    return CPU_VALUES if device.type == "cpu" else DEVICE_VALUES


def _segments(envelopes: Tensor) -> Iterator[tuple[int, tuple[Tensor, Tensor]]]:
    """Reference and estimate in segments [B, 15, 30, M], a bounded number of M at a time."""
    _, trials, bands, frames = envelopes.shape
    size = max(1, _values(envelopes.device) // (trials * bands * SEGMENT))
    for start in range(0, frames - SEGMENT + 1, size):
        reach = envelopes[..., start : start + size + SEGMENT - 1]
        windows = reach.unfold(-1, reach.shape[-1] - SEGMENT + 1, 1)
        yield start, (windows[0], windows[1])


def _intelligibility(reference: Tensor, estimate: Tensor) -> Tensor:
    """STOI of segments [B, 15, 30, M]: [B, M] (equations 2 to 6)."""
    scale = _norm(reference, -2) / (_norm(estimate, -2) + EPS)
    clipped = torch.minimum(estimate * scale, reference * CLIP)
    return _correlation(clipped, reference, -2).mean(dim=-2)


def _extended_intelligibility(reference: Tensor, estimate: Tensor) -> Tensor:
    """ESTOI of segments [B, 15, 30, M]: [B, M]; rows are normalised, then columns."""
    rows = [_centred(signal, -2) for signal in (reference, estimate)]
    one, other = (row.mul_(1.0 / (_norm(row, -2) + EPS)) for row in rows)
    return _correlation(one, other, -3).mean(dim=-2)


def _correlation(one: Tensor, other: Tensor, dim: int) -> Tensor:
    """Σ x y / (‖x‖ ‖y‖) along a dimension, without the means; 0 where one of them is constant."""
    one, other = _centred(one, dim), _centred(other, dim)
    norms = (_norm(one, dim) + EPS) * (_norm(other, dim) + EPS)
    return one.mul_(other).sum(dim=dim) / norms.squeeze(dim)


def _centred(values: Tensor, dim: int) -> Tensor:
    return values - values.mean(dim=dim, keepdim=True)


def _norm(values: Tensor, dim: int) -> Tensor:
    return values.square().sum(dim=dim, keepdim=True).sqrt()


@lru_cache(maxsize=4)
def _bands(device: torch.device) -> Tensor:
    """Which of the lowest bins belong to which band [15, bins].

    Bands are a third of an octave wide, and their edges are at the nearest bins.
    """
    bins = np.linspace(0, RATE_HZ, FFT + 1)[: FFT // 2 + 1]
    edges = LOWEST_HZ * np.exp2((2.0 * np.arange(BANDS + 1) - 1.0) / 6.0)
    nearest = np.abs(bins - edges[:, None]).argmin(axis=-1)
    places = np.arange(nearest[-1])
    inside = (places >= nearest[:-1, None]) & (places < nearest[1:, None])
    return torch.from_numpy(inside.astype(np.float64)).to(device)


@METRICS.register("stoi")
def _stoi() -> Stoi:
    """STOI: it has no settings."""
    return Stoi()


@METRICS.register("estoi")
def _estoi() -> Stoi:
    """ESTOI: it has no settings."""
    return Stoi(extended=True)
