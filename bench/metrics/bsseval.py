"""BSSEval v3 signal-to-distortion ratio, batched in float64 (Vincent et al., 2006 and 2012)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from ...core.arrays import Array, ended, float64, namespace, on_cpu, windows, zeros
from ...core.ratios import energy_ratio_db, is_safe, levelled
from .energy import FLOOR_DB
from .protocol import MetricInfo, Signals
from .registry import METRICS
from .shared.batches import DEVICE_TRIALS, in_chunks

REVISION = "tsebench:3"
TAPS = 512
BLOCK = 4096
"""Length of the short transforms, in samples."""
CPU_SAMPLES = 1 << 18
"""Samples of a part; see `chunks`."""
REMAINDER = 1e-11
"""‖b − G h‖ / ‖b‖ above which the recursive solution of the normal equations is replaced by factorisation."""
ROUNDING = 1e-12
"""Share of an energy that rounding may cost where it follows from the normal equations alone."""
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

    takes_arrays = True

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

    def compute(self, signals: Signals) -> Array:
        """SDR [B] in dB, float64."""
        found = in_chunks(self._equations, signals, cpu_samples=CPU_SAMPLES)
        if not len(found):
            return found
        starts = range(0, len(found), DEVICE_TRIALS)
        parts = [_Equations(found[start : start + DEVICE_TRIALS]).sdr_db() for start in starts]
        values, exact = (namespace(found).concatenate(column) for column in zip(*parts, strict=True))
        if bool(exact.all()):
            return values
        rest = namespace(exact).where(~exact)[0]
        fields = {name: getattr(signals, name)[rest] for name in ("estimate", "reference", "mixture", "lengths")}
        values[rest] = in_chunks(self._values, replace(signals, **fields), cpu_samples=CPU_SAMPLES)
        return values

    def _equations(self, signals: Signals) -> Array:
        return _equations(float64(signals.estimate), float64(signals.reference), self.taps)

    def _values(self, signals: Signals) -> Array:
        return filtered_sdr_db(estimate=signals.estimate, reference=signals.reference, taps=self.taps)


def bss_eval_sdr_db(*, estimate: Array, reference: Array, taps: int = TAPS) -> Array:
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
    lengths = namespace(estimate).full((len(estimate),), estimate.shape[-1], device=estimate.device)
    signals = Signals(estimate=estimate, reference=reference, mixture=reference, lengths=lengths, sample_rate_hz=0)
    return Sdr(taps=taps).compute(signals)


def filtered_sdr_db(*, estimate: Array, reference: Array, taps: int = TAPS) -> Array:
    """As `bss_eval_sdr_db`, by filtering the reference: at any level, and however small one of the energies is."""
    (estimate,), (reference,) = levelled(float64(estimate)), levelled(float64(reference))
    blocks = _Blocks(reference, taps)
    estimated = blocks.cut(estimate)
    distortion, _ = _solve_toeplitz(blocks.correlated(blocks.cut(reference)), blocks.correlated(estimated))
    projected = blocks.filtered(distortion)
    return energy_ratio_db(_energy(projected), _energy(projected - estimated))


def _equations(estimate: Array, reference: Array, taps: int) -> Array:
    """r, b and ‖ŝ‖² of each item [B, 2 taps + 1]."""
    xp = namespace(estimate)
    blocks = _Blocks(reference, taps)
    found = xp.empty((len(estimate), 2 * taps + 1), dtype=xp.float64, device=estimate.device)
    found[:, :taps] = blocks.correlated(blocks.cut(reference))
    found[:, taps:-1] = blocks.correlated(blocks.cut(estimate))
    found[:, -1] = xp.linalg.vecdot(estimate, estimate)
    return found


@dataclass(frozen=True, slots=True)
class _Equations:
    """Normal equations of some items, as `_equations` gives them."""

    found: Array

    def sdr_db(self) -> tuple[Array, Array]:
        """SDR [B], and whether rounding and level leave it exact [B].

        ‖Pŝ‖² = hᵀGh and ‖Pŝ − ŝ‖² = ‖ŝ‖² − 2hᵀb + hᵀGh, for any h. Their terms are at most (‖ŝ‖ + ‖s‖ Σ|h|)², and what
        rounding adds to them is about eps times that.
        """
        xp = namespace(self.found)
        taps = self.found.shape[-1] // 2
        autocorrelation, correlation, energy = self.found[:, :taps], self.found[:, taps:-1], self.found[:, -1]
        filters, accurate = _solve_toeplitz(autocorrelation, correlation)
        projected = xp.linalg.vecdot(filters, _toeplitz_product(autocorrelation, filters))
        residual = energy - 2.0 * xp.linalg.vecdot(filters, correlation) + projected
        loudest = autocorrelation[:, 0]
        terms = xp.square(xp.sqrt(energy) + xp.sqrt(loudest) * xp.sum(xp.abs(filters), axis=-1))
        exact = xp.finfo(xp.float64).eps * terms <= ROUNDING * xp.minimum(projected, residual)
        return energy_ratio_db(projected, residual), exact & accurate & is_safe(energy) & is_safe(loudest)


class _Blocks:
    """A reference in blocks of overlapping spectra, for correlations and convolutions with it.

    Lags and filters are short against the signal, so that a sum over short transforms (overlap and save) is several
    times faster than one transform of everything.

    Args:
        reference: s [B, T], taken as zero outside.
        taps: number of lags 0..taps−1, and length of the filters.
    """

    def __init__(self, reference: Array, taps: int) -> None:
        frames = reference.shape[-1]
        self.taps = taps
        self.size = max(BLOCK, 1 << (2 * taps).bit_length())
        self.hop = self.size - taps + 1
        self.count = -(-(frames + taps - 1) // self.hop)
        self._end = self.count * self.hop
        filled = zeros(reference, len(reference), taps - 1 + self._end)
        filled[:, taps - 1 : taps - 1 + frames] = reference
        shape = (len(reference), self.count, self.size)
        overlapping = windows(filled, shape, (filled.shape[-1], self.hop, 1))
        self._spectra = namespace(reference).fft.rfft(overlapping)
        self._conjugate = self._spectra.conj()

    def cut(self, signal: Array) -> Array:
        """Samples of a signal [B, T] in blocks [B, N, hop], of the T + taps − 1 and some zeros."""
        return ended(signal, self._end).reshape(len(signal), self.count, self.hop)

    def correlated(self, blocks: Array) -> Array:
        """Σ x[n] s[n − k] for k = 0..taps−1 [B, taps], of a signal x cut into blocks."""
        xp = namespace(blocks)
        # x at the end of a block, where s has taps − 1 samples before it: no lag wraps around.
        filled = zeros(blocks, *blocks.shape[:-1], self.size)
        filled[..., self.taps - 1 :] = blocks
        spectra = xp.fft.rfft(filled)
        spectra *= self._conjugate
        return xp.fft.irfft(xp.sum(spectra, axis=-2), self.size)[..., : self.taps]

    def filtered(self, taps: Array) -> Array:
        """The blocks [B, N, hop] of h ∗ s, for filters h [B, taps]."""
        xp = namespace(taps)
        spectrum = xp.fft.rfft(taps, self.size)[..., None, :]
        return xp.fft.irfft(spectrum * self._spectra, self.size)[..., self.taps - 1 :]


def _energy(blocks: Array) -> Array:
    return namespace(blocks).sum(namespace(blocks).square(blocks), axis=(-2, -1))


def _solve_toeplitz(autocorrelation: Array, correlation: Array) -> tuple[Array, Array]:
    """Solve the normal equations G h = b of each item, [B, taps] each; also which items [B] the recursion solved.

    By Levinson's recursion on a CPU, which costs a tenth of a factorisation, and by Cholesky factorisation on other
    devices, and where the recursion lost digits because G is nearly singular. A remainder ‖b − G h‖ of τ‖b‖ costs at
    most τ² cond(G) of the energy ‖Pŝ‖²: less than 1e-8 of it if cond(G) = 1e14. Real recordings have remainders of
    1e-15 to 1e-10.
    """
    solve = _recursive if on_cpu(correlation) else _factorised
    solution = solve(autocorrelation, correlation)
    rest = correlation - _toeplitz_product(autocorrelation, solution)
    accurate = _norm(rest) <= REMAINDER * _norm(correlation)  # not where it is NaN
    if on_cpu(correlation) and not bool(accurate.all()):
        solution[~accurate] = _factorised(autocorrelation[~accurate], correlation[~accurate])
    return solution, accurate


def _recursive(autocorrelation: Array, correlation: Array) -> Array:
    """Levinson's recursion [B, taps]; NaN where it breaks down."""
    from scipy.linalg import solve_toeplitz  # noqa: PLC0415 - slow to import; the pool works then

    solution = np.full(correlation.shape, np.nan)
    for row, (lags, right) in enumerate(zip(np.asarray(autocorrelation), np.asarray(correlation), strict=True)):
        with suppress(np.linalg.LinAlgError):
            solution[row] = solve_toeplitz(lags, right, check_finite=False)
    return namespace(correlation).asarray(solution)


def _toeplitz_product(autocorrelation: Array, vector: Array) -> Array:
    """G h [B, taps]: a circular convolution with r[0], ..., r[taps−1], 0, r[taps−1], ..., r[1]."""
    xp = namespace(vector)
    taps = vector.shape[-1]
    column = zeros(vector, len(vector), 2 * taps)
    column[:, :taps] = autocorrelation
    column[:, taps + 1 :] = xp.flip(autocorrelation[:, 1:], (-1,))
    product = xp.fft.irfft(xp.fft.rfft(column) * xp.fft.rfft(vector, 2 * taps), 2 * taps)
    return product[..., :taps]


def _norm(vectors: Array) -> Array:
    return namespace(vectors).sqrt(namespace(vectors).linalg.vecdot(vectors, vectors))


def _factorised(autocorrelation: Array, correlation: Array) -> Array:
    """Cholesky factorisation of the normal equations [B, taps].

    G is positive definite for any signal of finite length, but a very smooth one (a tone that fades in and out) may
    leave it singular in float64. Only the items whose factorisation breaks down get their diagonal loaded: by taps ·
    eps = 1.1e-13 of r[0], about the rounding error of G itself, and by ten times more until it succeeds. (For such
    references the value is not well defined, and implementations differ. No recording has been seen to need it.) A
    silent reference gives h = 0.
    """
    xp = namespace(correlation)
    taps = autocorrelation.shape[-1]
    lags = xp.arange(taps, device=autocorrelation.device)
    gram = autocorrelation[..., xp.abs(lags[:, None] - lags)]
    energy = autocorrelation[..., :1]
    load = xp.where(energy > 0, energy, 1.0) * taps * xp.finfo(gram.dtype).eps
    for _ in range(MAX_LOADINGS):
        factor, broken = _cholesky(gram)
        if not bool(broken.any()):
            break
        gram[..., lags, lags] += load * broken[..., None]
        load = load * 10.0
    return _substituted(factor, correlation)


def _cholesky(gram: Array) -> tuple[Array, Array]:
    """Lower factors of matrices [B, N, N], and which of them [B] are not positive definite."""
    xp = namespace(gram)
    if xp is not np:
        factor, broken = xp.linalg.cholesky_ex(gram)
        return factor, broken > 0
    factors, broken = np.zeros_like(gram), np.zeros(len(gram), bool)
    for row, matrix in enumerate(gram):
        try:
            factors[row] = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            broken[row] = True
    return factors, broken


def _substituted(factor: Array, right: Array) -> Array:
    """Solutions of L Lᵀ h = b [B, N]."""
    xp = namespace(right)
    if xp is not np:
        return xp.cholesky_solve(right[..., None], factor)[..., 0]
    from scipy.linalg import cho_solve  # noqa: PLC0415 - see `_recursive`

    pairs = zip(factor, right, strict=True)
    return np.reshape([cho_solve((matrix, True), column) for matrix, column in pairs], right.shape)


METRICS.register("sdr")(Sdr)
