"""Energy ratios in dB: pure, batched functions for training and for scoring, differentiable where they get tensors.

Signals have the shape [..., T], zero past their true length: the estimate ŝ, the reference s and the mixture x. Values
in dB have the shape [...].

Every ratio is finite for finite input. Signals are divided by a peak before they are squared, and the two energies of a
ratio are clamped *relative to each other* at the machine epsilon of the dtype, so that a value does not depend on the
level of the recording (between 1e-30 and 1e+30 in float32 too) and lies between −C and +C, where C = −10 log10(eps):
156.5 dB in float64, 69.2 dB in float32. Perfection is +C, an output without any trace of the signal is −C. Beyond the
clamps, at silence and at perfection, gradients are zero, never NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .arrays import Array, namespace, on_cpu

_Energies = Callable[[Array, Array, Array | None], tuple[Array, ...]]
"""The energies above and below the line of a ratio [...], and any other that was divided by; of two
signals [..., T] with their lengths [...] if they are padded."""


def snr_db(*, estimate: Array, reference: Array) -> Array:
    """Signal-to-noise ratio 10 log10(‖s‖² / ‖s − ŝ‖²); it depends on the scale of the estimate.

    A silent estimate has 0 dB; a silent reference −C.
    """
    return _ratio_db(lambda e, s, _: (_energy(s), _energy(s - e)), estimate, reference)


def si_sdr_db(*, estimate: Array, reference: Array, zero_mean: bool = True, lengths: Array | None = None) -> Array:
    """Scale-invariant SDR 10 log10(‖αs‖² / ‖αs − ŝ‖²) with α = ⟨ŝ, s⟩ / ‖s‖²; −C if ŝ or s is silent.

    Args:
        zero_mean: remove the mean of both signals first.
        lengths: [...] true lengths of padded signals, for their means; all are T if None.

    Source: Le Roux et al., "SDR: half-baked or well done?", ICASSP 2019.
    """
    energies = partial(_scaled_energies, scaled=True, zero_mean=zero_mean)
    return _ratio_db(energies, estimate, reference, lengths, apart=True)


def sd_sdr_db(*, estimate: Array, reference: Array, zero_mean: bool = True, lengths: Array | None = None) -> Array:
    """Scale-dependent SDR 10 log10(‖αs‖² / ‖s − ŝ‖²) with α = ⟨ŝ, s⟩ / ‖s‖².

    It is the SNR plus 10 log10 α², never above the SI-SDR, and −C if ŝ or s is silent. Arguments and source are those
    of `si_sdr_db`.
    """
    energies = partial(_scaled_energies, scaled=False, zero_mean=zero_mean)
    return _ratio_db(energies, estimate, reference, lengths)


def thresholded_snr_db(*, estimate: Array, reference: Array, max_db: float = 30.0) -> Array:
    """SNR with a soft ceiling: 10 log10(‖s‖² / (‖s − ŝ‖² + τ‖s‖²)) with τ = 10^(−max_db/10).

    Training with it does not spend effort on examples that are better than the ceiling.

    Args:
        max_db: the value at perfection, in dB.

    Source: Wisdom et al., "Unsupervised sound separation using mixture invariant training", NeurIPS 2020.
    """
    estimate, reference = levelled(estimate, reference)
    signal = _energy(reference)
    noise = _energy(reference - estimate) + 10.0 ** (-max_db / 10.0) * signal
    return energy_ratio_db(signal, noise)


def thresholded_residual_db(*, estimate: Array, mixture: Array, max_db: float = 20.0) -> Array:
    """Remaining level of the mixture where the target is absent; a loss, so lower is better.

    10 log10((‖ŝ‖² + τ‖x‖²) / ‖x‖²) with τ = 10^(−max_db/10). It differs from the published loss 10 log10(‖ŝ‖² + τ‖x‖²)
    by the level of the mixture: the gradients are the same, and the value does not depend on the level of the
    recording.

    Args:
        max_db: the attenuation that is enough, in dB: the value of a silent estimate; the mixture itself has about 0.

    Source: Wisdom et al., "What's all the FUSS about free universal sound separation data?", ICASSP 2021.
    """
    estimate, mixture = levelled(estimate, mixture)
    everything = _energy(mixture)
    return energy_ratio_db(_energy(estimate) + 10.0 ** (-max_db / 10.0) * everything, everything)


def attenuation_db(*, mixture: Array, estimate: Array) -> Array:
    """Level of the output against the mixture where the target is absent; lower is better.

    A = −10 log10(‖x‖² / ‖ŝ‖²): 0 for the mixture itself, −C for a silent estimate.

    Source: the query-refinement paper, eq. 9, after SoundBeam (Delcroix et al., 2022).
    """
    return _ratio_db(lambda e, x, _: (_energy(e), _energy(x)), estimate, mixture)


def energy_ratio_db(signal: Array, noise: Array) -> Array:
    """10 log10(signal / noise) of two energies [...], clamped to ±C; −C if both are zero."""
    xp = namespace(signal)
    limits = xp.finfo(signal.dtype)
    above = xp.clip(xp.maximum(signal, limits.eps * noise), limits.tiny, None)
    below = xp.clip(xp.maximum(noise, limits.eps * signal), limits.tiny / limits.eps, None)
    return 10.0 * (xp.log10(above) - xp.log10(below))


def _ratio_db(
    energies: _Energies, one: Array, other: Array, lengths: Array | None = None, *, apart: bool = False
) -> Array:
    """Ratio of two energies in dB, of signals over their common peak, or each over its own if `apart`."""
    if _is_scored(one, other):
        above, below, *others = _row_by_row(energies, one, other, lengths)
        values = energy_ratio_db(above, below)
        safe = is_safe(namespace(above).maximum(above, below))
        for energy in others:
            safe &= is_safe(energy)
        if bool(safe.all()):
            return values
        # Where it must be and nowhere else: a silent trial leaves no trace in its neighbours.
        return namespace(safe).where(safe, values, _levelled_ratio_db(energies, one, other, lengths, apart))
    return _levelled_ratio_db(energies, one, other, lengths, apart)


def _levelled_ratio_db(energies: _Energies, one: Array, other: Array, lengths: Array | None, apart: bool) -> Array:
    """The ratio of signals that are divided by their peak."""
    if apart:
        (one,), (other,) = levelled(one), levelled(other)
    else:
        one, other = levelled(one, other)
    above, below, *_ = energies(one, other, lengths)
    return energy_ratio_db(above, below)


def _is_scored(one: Array, other: Array) -> bool:
    """Whether the signals are float64, on a CPU, and wanted without gradients.

    Then they need not be divided by a peak, which costs as much as all else: the energies show whether anything
    overflowed or vanished, and looking at them costs nothing.
    """
    xp = namespace(one)
    if not (one.dtype == other.dtype == xp.float64 and on_cpu(one)):
        return False
    return xp is np or not (xp.is_grad_enabled() and (one.requires_grad or other.requires_grad))


def is_safe(energies: Array) -> Array:
    """[...]: which float64 energies are far from both ends of what float64 can hold."""
    return (energies > 1e-200) & (energies < 1e200)


def _row_by_row(energies: _Energies, one: Array, other: Array, lengths: Array | None) -> list[Array]:
    """Energies [...] of one pair of signals after the other, which fit into a cache."""
    xp = namespace(one)
    if one.shape != other.shape:
        one, other = xp.broadcast_arrays(one, other) if xp is np else xp.broadcast_tensors(one, other)
    shape = one.shape[:-1]
    pairs = [(one, other)]
    if shape:
        rows = (signal.reshape(-1, signal.shape[-1]) for signal in (one, other))
        pairs = list(zip(*rows, strict=True))
    if lengths is not None:
        cuts = xp.clip(lengths, 1, None).reshape(-1).tolist()
        pairs = [(x[:cut], y[:cut]) for (x, y), cut in zip(pairs, cuts, strict=True)]
    found = [energies(x, y, None) for x, y in pairs]
    return [xp.stack(column).reshape(shape) for column in zip(*found, strict=True)]


def _scaled_energies(
    estimate: Array, reference: Array, lengths: Array | None, *, scaled: bool, zero_mean: bool
) -> tuple[Array, Array, Array]:
    """‖αs‖²; ‖αs − ŝ‖², or ‖s − ŝ‖² if not `scaled`; ‖s‖². α = 0 if the reference is silent."""
    xp = namespace(estimate)
    if zero_mean:
        estimate, reference = _centred(estimate, lengths), _centred(reference, lengths)
    energy = _energy(reference)
    tiny = xp.finfo(energy.dtype).tiny
    scale = xp.linalg.vecdot(estimate, reference) / xp.clip(energy, tiny, None)
    residual = estimate - (scale[..., None] * reference if scaled else reference)
    return xp.square(scale) * energy, _energy(residual), energy


def _energy(signal: Array) -> Array:
    return namespace(signal).linalg.vecdot(signal, signal)


def _centred(signal: Array, lengths: Array | None) -> Array:
    """Without its mean; what lies past the length stays zero."""
    xp = namespace(signal)
    if lengths is None:
        return signal - xp.mean(signal, axis=-1, keepdims=True)
    count = xp.asarray(lengths, device=signal.device)[..., None]
    inside = xp.arange(signal.shape[-1], device=signal.device) < count
    mean = xp.sum(signal, axis=-1, keepdims=True) / xp.clip(count, 1, None)
    return xp.where(inside, signal - mean, 0.0)


def levelled(*signals: Array) -> list[Array]:
    """The signals over their common peak [...], so that squares neither overflow nor vanish.

    All ratios are unchanged by a common factor f(cŝ, cs) = f(ŝ, s), so the gradient with c held fixed is the exact one.
    Peaks under tiny / eps (1e-31 in float32, 1e-292 in float64) count as silence: the gradient there, about 1 / peak,
    would overflow.
    """
    xp = namespace(signals[0])
    peaks = [_peak(signal if xp is np else signal.detach()) for signal in signals]
    peak = peaks[0] if len(peaks) == 1 else xp.maximum(*peaks)
    limits = xp.finfo(peak.dtype)
    divisor = xp.where(peak > limits.tiny / limits.eps, peak, xp.inf)
    return [signal / divisor for signal in signals]


def _peak(signal: Array) -> Array:
    """Largest |s| [..., 1]."""
    xp = namespace(signal)
    return xp.maximum(xp.amax(signal, axis=-1, keepdims=True), -xp.amin(signal, axis=-1, keepdims=True))
