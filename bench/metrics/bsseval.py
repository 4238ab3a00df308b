"""BSSEval v3 signal-to-distortion ratio, batched in float64 (Vincent et al., 2006 and 2012)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...ratios import energy_ratio_db, levelled
from .energy import FLOOR_DB, REVISION
from .protocol import METRICS, MetricInfo, Signals

TAPS = 512
MAX_TRIALS, MAX_SAMPLES = 32, 1 << 22
"""Bounds of what is solved at a time: normal equations and factor take 4 MB for each trial, and
spectra and signals about 100 bytes for each sample."""
MAX_LOADINGS = 17
"""After so many tenfold loadings from 512 · eps on, any G is dominated by its diagonal."""


class Sdr:
    """`sdr`: SDR of BSSEval v3, one source, no permutation search.

    Args:
        taps: length of the distortion filter that is forgiven.
        floor_db: value of a silent estimate, and of anything below it.
    """

    def __init__(self, *, taps: int = TAPS, floor_db: float = FLOOR_DB) -> None:
        self.taps = taps
        self.info = MetricInfo(
            name="sdr",
            unit="dB",
            higher_is_better=True,
            description=f"BSSEval v3 signal-to-distortion ratio, {taps}-tap distortion filter",
            improvement="sdri",
            floor_db=floor_db,
        )

    def signature(self, sample_rate_hz: int) -> str:  # noqa: ARG002 - the same at every rate
        """`sdr|bsseval3|taps:512|f64|floor:-30|tsebench:1`."""
        return f"sdr|bsseval3|taps:{self.taps}|f64|floor:{self.info.floor_db:g}|{REVISION}"

    def compute(self, signals: Signals) -> Tensor:
        """SDR [B] in dB, float64."""
        size = max(1, min(MAX_TRIALS, MAX_SAMPLES // max(1, signals.reference.shape[-1])))
        chunks = zip(
            torch.split(signals.estimate, size), torch.split(signals.reference, size), strict=True
        )
        return torch.cat(
            [
                bss_eval_sdr_db(estimate=estimate, reference=reference, taps=self.taps)
                for estimate, reference in chunks
            ]
        )


def bss_eval_sdr_db(*, estimate: Tensor, reference: Tensor, taps: int = TAPS) -> Tensor:
    """10 log10(‖Pŝ‖² / ‖Pŝ − ŝ‖²), P the projection on the reference's shifts by 0..taps−1.

    Pŝ = h ∗ s has T + taps − 1 samples, and both energies are taken over all of them, as in
    mir_eval. The filter h solves the Toeplitz normal equations G h = b with the autocorrelation
    G[i, j] = r[|i − j|], r[k] = Σ s[n] s[n − k], and b[k] = Σ ŝ[n] s[n − k].

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
    # Long enough that the circular correlations and convolutions of the DFT do not wrap.
    size = _fft_size(reference.shape[-1] + taps - 1)
    spectrum = torch.fft.rfft(reference, size)
    autocorrelation = torch.fft.irfft(spectrum.abs().square(), size)[..., :taps]
    crossed = torch.fft.rfft(estimate, size) * spectrum.conj()
    correlation = torch.fft.irfft(crossed, size)[..., :taps]
    distortion = _solve_toeplitz(autocorrelation, correlation)
    projected = torch.fft.irfft(torch.fft.rfft(distortion, size) * spectrum, size)
    residual = projected.clone()
    residual[..., : estimate.shape[-1]] -= estimate
    return energy_ratio_db(projected.square().sum(dim=-1), residual.square().sum(dim=-1))


def _solve_toeplitz(autocorrelation: Tensor, correlation: Tensor) -> Tensor:
    """Solve the normal equations of each item, [B, taps] each, by Cholesky factorisation.

    G is positive definite for any signal of finite length, but a very smooth one (a tone that
    fades in and out) may leave it singular in float64. Only the items whose factorisation breaks
    down get their diagonal loaded: by taps · eps = 1.1e-13 of r[0], about the rounding error of G
    itself, and by ten times more until it succeeds. (For such references the value is not well
    defined, and implementations differ. No recording has been seen to need it.) A silent
    reference gives h = 0.
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


def _fft_size(least: int) -> int:
    """The next m · 2^k with m in 4, 5, 6, 7 and 8: fast, and at most a quarter longer."""
    unit = 1 << max(0, (least - 1).bit_length() - 3)
    return -(-least // unit) * unit


METRICS.register("sdr")(Sdr())
