"""BSSEval v3 signal-to-distortion ratio, batched in float64 (Vincent et al., 2006 and 2012)."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.ratios import energy_ratio_db, levelled
from .energy import FLOOR_DB
from .protocol import MetricInfo, Signals
from .registry import METRICS
from .shared.batches import in_chunks

REVISION = "tsebench:3"
TAPS = 512
BLOCK = 4096
"""Length of the short transforms, in samples."""
CPU_SAMPLES = 1 << 18
"""Samples of a part; see `chunks`."""
REMAINDER = 1e-11
"""‖b − G h‖ / ‖b‖ above which the recursive solution of the normal equations is replaced by factorisation."""
MAX_LOADINGS = 17
"""After so many tenfold loadings from 512 · eps on, any G is dominated by its diagonal."""


class Sdr:
    """`sdr`: SDR of BSSEval v3, 10 log10(‖Pŝ‖² / ‖Pŝ − ŝ‖²), one source, no permutation search.

    Pŝ is the best approximation of the estimate ŝ by the target through a filter of `taps` samples, so that what such a
    filter does to the target is forgiven: level, delays, a part of a room. It is mostly above SI-SDR. Values lie
    between ±156.5 dB; only a silent estimate has `floor_db`. Source: Vincent et al., "Performance measurement in blind
    audio source separation", 2006; values are those of mir_eval.

    Args:
        taps: length of the allowed distortion filter, in samples at the trial's rate.
        floor_db: value of a silent estimate; any other one keeps its value, however low.
    """

    def __init__(self, *, taps: int = TAPS, floor_db: float = FLOOR_DB) -> None:
        self.taps = taps
        self.info = MetricInfo(
            name="sdr",
            unit="dB",
            higher_is_better=True,
            description=f"BSSEval v3 signal-to-distortion ratio, {taps}-tap distortion filter",
            label="SDR",
            order=30,
            rank_order=7,
            improvement_rank_order=6,
            improvement="sdri",
            silent_db=floor_db,
            needs_phase=True,
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`sdr|bsseval3|taps:512|f64|silent:-30|tsebench:3`."""
        return f"sdr|bsseval3|taps:{self.taps}|f64|silent:{self.info.silent_db:g}|{REVISION}"

    def compute(self, signals: Signals) -> Tensor:
        """SDR [B] in dB, float64."""
        return in_chunks(self._values, signals, cpu_samples=CPU_SAMPLES)

    def _values(self, signals: Signals) -> Tensor:
        return bss_eval_sdr_db(estimate=signals.estimate, reference=signals.reference, taps=self.taps)


def bss_eval_sdr_db(*, estimate: Tensor, reference: Tensor, taps: int = TAPS) -> Tensor:
    """10 log10(‖Pŝ‖² / ‖Pŝ − ŝ‖²), P the projection on the reference's shifts by 0..taps−1.

    Pŝ = h ∗ s has T + taps − 1 samples, and both energies are taken over all of them, as in mir_eval. The filter h
    solves the Toeplitz normal equations G h = b with the autocorrelation G[i, j] = r[|i − j|], r[k] = Σ s[n] s[n − k],
    and b[k] = Σ ŝ[n] s[n − k].

    Args:
        estimate: ŝ [B, T].
        reference: s [B, T]; zeros at the end of both do not change the value.
        taps: length of h.

    Returns:
        dB [B], float64, between ±156.5; −156.5 for a silent estimate or reference.

    Source: Vincent et al., "Performance measurement in blind audio source separation", 2006,
        section III.B; one source, so that there is no interference term.
    """
    (estimate,), (reference,) = levelled(estimate.double()), levelled(reference.double())
    blocks = _Blocks(reference, taps)
    estimated = blocks.cut(estimate)
    distortion = _solve_toeplitz(blocks.correlated(blocks.cut(reference)), blocks.correlated(estimated))
    projected = blocks.filtered(distortion)
    residual = projected - estimated
    return energy_ratio_db(_energy(projected), _energy(residual))


class _Blocks:
    """A reference in blocks of overlapping spectra, for correlations and convolutions with it.

    Lags and filters are short against the signal, so that a sum over short transforms (overlap and save) is several
    times faster than one transform of everything.

    Args:
        reference: s [B, T], taken as zero outside.
        taps: number of lags 0..taps−1, and length of the filters.
    """

    def __init__(self, reference: Tensor, taps: int) -> None:
        frames = reference.shape[-1]
        self.taps = taps
        self.size = max(BLOCK, 1 << (2 * taps).bit_length())
        self.hop = self.size - taps + 1
        self.count = -(-(frames + taps - 1) // self.hop)
        self._end = self.count * self.hop - frames
        overlapping = F.pad(reference, (taps - 1, self._end)).unfold(-1, self.size, self.hop)
        self._spectra = torch.fft.rfft(overlapping)

    def cut(self, signal: Tensor) -> Tensor:
        """Samples of a signal [B, T] in blocks [B, N, hop], of the T + taps − 1 and some zeros."""
        return F.pad(signal, (0, self._end)).reshape(len(signal), self.count, self.hop)

    def correlated(self, blocks: Tensor) -> Tensor:
        """Σ x[n] s[n − k] for k = 0..taps−1 [B, taps], of a signal x cut into blocks."""
        # x at the end of a block, where s has taps − 1 samples before it: no lag wraps around.
        spectra = torch.fft.rfft(F.pad(blocks, (self.taps - 1, 0)))
        crossed = (spectra * self._spectra.conj()).sum(dim=-2)
        lags: Tensor = torch.fft.irfft(crossed, self.size)
        return lags[..., : self.taps]

    def filtered(self, taps: Tensor) -> Tensor:
        """The blocks [B, N, hop] of h ∗ s, for filters h [B, taps]."""
        spectrum = torch.fft.rfft(taps, self.size).unsqueeze(-2)
        blocks: Tensor = torch.fft.irfft(spectrum * self._spectra, self.size)
        return blocks[..., self.taps - 1 :]


def _energy(blocks: Tensor) -> Tensor:
    return blocks.square().sum(dim=(-2, -1))


def _solve_toeplitz(autocorrelation: Tensor, correlation: Tensor) -> Tensor:
    """Solve the normal equations G h = b of each item, [B, taps] each.

    By Levinson's recursion on a CPU, which costs a tenth of a factorisation, and by Cholesky factorisation on other
    devices, and where the recursion lost digits because G is nearly singular. A remainder ‖b − G h‖ of τ‖b‖ costs at
    most τ² cond(G) of the energy ‖Pŝ‖²: less than 1e-8 of it if cond(G) = 1e14. Real recordings have remainders of
    1e-15 to 1e-10.
    """
    if autocorrelation.device.type != "cpu":
        return _factorised(autocorrelation, correlation)
    solution = _recursive(autocorrelation, correlation)
    rest = correlation - _toeplitz_product(autocorrelation, solution)
    accurate = _norm(rest) <= REMAINDER * _norm(correlation)  # not where it is NaN
    if not bool(accurate.all()):
        solution[~accurate] = _factorised(autocorrelation[~accurate], correlation[~accurate])
    return solution


def _recursive(autocorrelation: Tensor, correlation: Tensor) -> Tensor:
    """Levinson's recursion [B, taps]; NaN where it breaks down."""
    from scipy.linalg import solve_toeplitz  # noqa: PLC0415 - slow to import; the pool works then

    solution = torch.full_like(correlation, torch.nan)
    pairs = zip(autocorrelation.numpy(), correlation.numpy(), strict=True)
    for row, (lags, right) in enumerate(pairs):
        with suppress(np.linalg.LinAlgError):
            solution[row] = torch.from_numpy(solve_toeplitz(lags, right, check_finite=False))
    return solution


def _toeplitz_product(autocorrelation: Tensor, vector: Tensor) -> Tensor:
    """G h [B, taps]: a circular convolution with ..., r[1], r[0], r[1], ..., r[taps−1]."""
    taps = vector.shape[-1]
    column = torch.cat([autocorrelation, autocorrelation[..., 1:].flip(-1)], dim=-1)
    size = column.shape[-1]
    spectrum = torch.fft.rfft(column) * torch.fft.rfft(vector, size)
    product: Tensor = torch.fft.irfft(spectrum, size)
    return product[..., :taps]


def _norm(vectors: Tensor) -> Tensor:
    return vectors.square().sum(dim=-1).sqrt()


def _factorised(autocorrelation: Tensor, correlation: Tensor) -> Tensor:
    """Cholesky factorisation of the normal equations [B, taps].

    G is positive definite for any signal of finite length, but a very smooth one (a tone that fades in and out) may
    leave it singular in float64. Only the items whose factorisation breaks down get their diagonal loaded: by taps ·
    eps = 1.1e-13 of r[0], about the rounding error of G itself, and by ten times more until it succeeds. (For such
    references the value is not well defined, and implementations differ. No recording has been seen to need it.) A
    silent reference gives h = 0.
    """
    taps = autocorrelation.shape[-1]
    lags = torch.arange(taps, device=autocorrelation.device)
    gram = autocorrelation[..., (lags[:, None] - lags).abs()]
    energy = autocorrelation[..., :1]
    load = torch.where(energy > 0, energy, 1.0) * taps * torch.finfo(gram.dtype).eps
    for _ in range(MAX_LOADINGS):
        factor, broken = torch.linalg.cholesky_ex(gram)
        if not bool(broken.any()):
            break
        gram.diagonal(dim1=-2, dim2=-1).add_(load * (broken > 0)[..., None])
        load = load * 10.0
    return torch.cholesky_solve(correlation[..., None], factor)[..., 0]


METRICS.register("sdr")(Sdr)
