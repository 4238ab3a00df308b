r"""`oracle_irm`: the ideal ratio mask on the spectra of the mixture.

With S, N and X the spectra of the target, of the sum of the interferers and of the mixture,

    M = (|S|^p / (|S|^p + |N|^p))^β,    estimate = ISTFT(M · X).

- p = 2, β = 0.5 (default): Wang, Narayanan and Wang, "On training targets for supervised speech
  separation", IEEE/ACM TASLP 22(12), 2014.
- p = 1, β = 1: ratio of magnitudes; p = 2, β = 1: "Wiener like". Both as in Erdogan, Hershey,
  Watanabe and Le Roux, "Phase-sensitive and recognition-boosted speech separation using deep
  recurrent neural networks", ICASSP 2015.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor

from ..core.errors import ConfigError
from .protocol import SystemCard
from .registry import register_system
from .shared.masks import MaskOracle, Spectra, Stft, safe_ratio


@register_system("oracle_irm")
def oracle_irm(
    *, window_ms: float = 32.0, hop_ms: float = 8.0, exponent: float = 2.0, beta: float = 0.5, device: str = "cpu"
) -> MaskOracle:
    """Ideal ratio mask on the STFT of the mixture (oracle).

    Args:
        window_ms: length of the STFT's window and transform; a square-root Hann window.
        hop_ms: distance of the STFT's frames, at most half of the window.
        exponent: p; 2 is a ratio of powers, 1 of magnitudes.
        beta: β, the power that the ratio is raised to.

    Raises:
        ConfigError: window and hop do not fit, or `exponent` or `beta` is not above zero.
    """
    for name, value in (("exponent", exponent), ("beta", beta)):
        if not value > 0:
            raise ConfigError(f"system 'oracle_irm': {name} = {value:g} must be above 0")

    card = SystemCard(
        name="oracle_irm",
        family="oracle",
        description="ideal ratio mask (Wang 2014)",
        privileged=True,
        options={"window_ms": window_ms, "hop_ms": hop_ms, "exponent": exponent, "beta": beta},
    )
    mask = partial(ratio_mask, exponent=exponent, beta=beta)
    return MaskOracle(card=card, stft=Stft(window_ms=window_ms, hop_ms=hop_ms), mask=mask, device=device)


def ratio_mask(spectra: Spectra, *, exponent: float, beta: float) -> Tensor:
    """The ideal ratio mask [B, F, N] in [0, 1]; 0 where target and interference are both 0."""
    target = spectra.target.abs() ** exponent
    interference = spectra.interference.abs() ** exponent
    return safe_ratio(target, target + interference) ** beta
