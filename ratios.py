"""Energy ratios in dB: pure, batched, differentiable functions, for training and for scoring.

Signals have the shape [..., T], zero past their true length; values have the shape [...].

Every ratio is finite for finite input. Signals are divided by a peak before they are squared, and
the two energies of a ratio are clamped *relative to each other* at the machine epsilon of the
dtype, so that a value does not depend on the level of the recording (between 1e-30 and 1e+30 in
float32 too) and lies between −C and +C, where C = −10 log10(eps): 156.5 dB in float64, 69.2 dB in
float32. Perfection is +C, an output without any trace of the signal is −C. Beyond the clamps, at
silence and at perfection, gradients are zero, never NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor


def snr_db(*, estimate: Tensor, reference: Tensor) -> Tensor:
    """Signal-to-noise ratio 10 log10(‖s‖² / ‖s − ŝ‖²); it depends on the scale of the estimate.

    Args:
        estimate: ŝ [..., T].
        reference: s [..., T].

    Returns:
        dB [...]. A silent estimate has 0 dB; a silent reference −C.
    """
    estimate, reference = levelled(estimate, reference)
    return energy_ratio_db(_energy(reference), _energy(reference - estimate))


def si_sdr_db(
    *, estimate: Tensor, reference: Tensor, zero_mean: bool = True, lengths: Tensor | None = None
) -> Tensor:
    """Scale-invariant SDR 10 log10(‖αs‖² / ‖αs − ŝ‖²) with α = ⟨ŝ, s⟩ / ‖s‖².

    Args:
        estimate: ŝ [..., T].
        reference: s [..., T].
        zero_mean: remove the mean of both signals first.
        lengths: [...] true lengths of padded signals, for their means; all are T if None.

    Returns:
        dB [...]; −C for a silent estimate or reference.

    Source: Le Roux et al., "SDR: half-baked or well done?", ICASSP 2019.
    """
    (estimate,), (reference,) = levelled(estimate), levelled(reference)
    if zero_mean:
        estimate, reference = _centred(estimate, lengths), _centred(reference, lengths)
    target = _projected(estimate, onto=reference)
    return energy_ratio_db(_energy(target), _energy(target - estimate))


def sd_sdr_db(
    *, estimate: Tensor, reference: Tensor, zero_mean: bool = True, lengths: Tensor | None = None
) -> Tensor:
    """Scale-dependent SDR 10 log10(‖αs‖² / ‖s − ŝ‖²) with α = ⟨ŝ, s⟩ / ‖s‖².

    It is the SNR plus 10 log10 α², and never above the SI-SDR.

    Args:
        estimate: ŝ [..., T].
        reference: s [..., T].
        zero_mean: remove the mean of both signals first.
        lengths: [...] true lengths of padded signals, for their means; all are T if None.

    Returns:
        dB [...]; −C for a silent estimate or reference.

    Source: Le Roux et al., "SDR: half-baked or well done?", ICASSP 2019.
    """
    estimate, reference = levelled(estimate, reference)
    if zero_mean:
        estimate, reference = _centred(estimate, lengths), _centred(reference, lengths)
    target = _projected(estimate, onto=reference)
    return energy_ratio_db(_energy(target), _energy(reference - estimate))


def thresholded_snr_db(*, estimate: Tensor, reference: Tensor, max_db: float = 30.0) -> Tensor:
    """SNR with a soft ceiling: 10 log10(‖s‖² / (‖s − ŝ‖² + τ‖s‖²)) with τ = 10^(−max_db/10).

    Training with it does not spend effort on examples that are better than the ceiling.

    Args:
        estimate: ŝ [..., T].
        reference: s [..., T].
        max_db: the value at perfection, in dB.

    Returns:
        dB [...].

    Source: Wisdom et al., "Unsupervised sound separation using mixture invariant training",
        NeurIPS 2020.
    """
    estimate, reference = levelled(estimate, reference)
    signal = _energy(reference)
    noise = _energy(reference - estimate) + 10.0 ** (-max_db / 10.0) * signal
    return energy_ratio_db(signal, noise)


def thresholded_residual_db(*, estimate: Tensor, mixture: Tensor, max_db: float = 20.0) -> Tensor:
    """What is left of the mixture where the target is absent; a loss, so lower is better.

    10 log10((‖ŝ‖² + τ‖x‖²) / ‖x‖²) with τ = 10^(−max_db/10). It differs from the published loss
    10 log10(‖ŝ‖² + τ‖x‖²) by the level of the mixture: the gradients are the same, and the value
    does not depend on the level of the recording.

    Args:
        estimate: ŝ [..., T].
        mixture: x [..., T].
        max_db: the attenuation that is enough, in dB.

    Returns:
        dB [...]: −max_db for a silent estimate, about 0 for the mixture itself.

    Source: Wisdom et al., "What's all the FUSS about free universal sound separation data?",
        ICASSP 2021.
    """
    estimate, mixture = levelled(estimate, mixture)
    everything = _energy(mixture)
    return energy_ratio_db(_energy(estimate) + 10.0 ** (-max_db / 10.0) * everything, everything)


def attenuation_db(*, mixture: Tensor, estimate: Tensor) -> Tensor:
    """Level of the output against the mixture where the target is absent; lower is better.

    A = −10 log10(‖x‖² / ‖ŝ‖²).

    Args:
        mixture: x [..., T].
        estimate: ŝ [..., T].

    Returns:
        dB [...]: 0 for the mixture itself, −C for a silent estimate.

    Source: the query-refinement paper, eq. 9, after SoundBeam (Delcroix et al., 2022).
    """
    mixture, estimate = levelled(mixture, estimate)
    return energy_ratio_db(_energy(estimate), _energy(mixture))


def energy_ratio_db(signal: Tensor, noise: Tensor) -> Tensor:
    """10 log10(signal / noise) of two energies [...], clamped to ±C; −C if both are zero."""
    limits = torch.finfo(signal.dtype)
    above = torch.maximum(signal, limits.eps * noise).clamp(min=limits.tiny)
    below = torch.maximum(noise, limits.eps * signal).clamp(min=limits.tiny / limits.eps)
    return 10.0 * (torch.log10(above) - torch.log10(below))


def _energy(signal: Tensor) -> Tensor:
    return signal.square().sum(dim=-1)


def _projected(signal: Tensor, *, onto: Tensor) -> Tensor:
    """αs, the part of `signal` along `onto`; zero if `onto` is silent."""
    tiny = torch.finfo(onto.dtype).tiny
    scale = (signal * onto).sum(dim=-1) / _energy(onto).clamp(min=tiny)
    return scale.unsqueeze(-1) * onto


def _centred(signal: Tensor, lengths: Tensor | None) -> Tensor:
    """Without its mean; what lies past the length stays zero."""
    if lengths is None:
        return signal - signal.mean(dim=-1, keepdim=True)
    count = lengths.to(signal.device).unsqueeze(-1)
    inside = torch.arange(signal.shape[-1], device=signal.device) < count
    mean = signal.sum(dim=-1, keepdim=True) / count.clamp(min=1)
    return torch.where(inside, signal - mean, 0.0)


def levelled(*signals: Tensor) -> list[Tensor]:
    """The signals over their common peak [...], so that squares neither overflow nor vanish.

    All ratios are unchanged by a common factor f(cŝ, cs) = f(ŝ, s), so the gradient with c held
    fixed is the exact one. Peaks under tiny / eps (1e-31 in float32, 1e-292 in float64) count as
    silence: the gradient there, about 1 / peak, would overflow.
    """
    peaks = [signal.detach().abs().amax(dim=-1, keepdim=True) for signal in signals]
    peak = peaks[0] if len(peaks) == 1 else torch.maximum(*peaks)
    limits = torch.finfo(peak.dtype)
    divisor = torch.where(peak > limits.tiny / limits.eps, peak, torch.inf)
    return [signal / divisor for signal in signals]
