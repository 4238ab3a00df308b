"""`oracle_psm`: the ideal phase-sensitive mask on the spectra of the mixture.

With S and X the spectra of the target and of the mixture, and θ the angle between them,

    M = clip(|S| / |X| · cos θ, 0, 1) = clip(Re(S X*) / |X|², 0, 1),    estimate = ISTFT(M · X).

It is the real mask in [0, 1] with the least squared error in each bin: Erdogan, Hershey, Watanabe and Le Roux,
"Phase-sensitive and recognition-boosted speech separation using deep recurrent neural networks", ICASSP 2015.
"""

from __future__ import annotations

from torch import Tensor

from .protocol import SystemCard
from .registry import register_system
from .shared.masks import MaskOracle, Spectra, Stft, safe_ratio


@register_system("oracle_psm")
def oracle_psm(*, window_ms: float = 32.0, hop_ms: float = 8.0, device: str = "cpu") -> MaskOracle:
    """Phase-sensitive mask on the STFT of the mixture (oracle).

    Args:
        window_ms: length of the STFT's window and transform; a square-root Hann window.
        hop_ms: distance of the STFT's frames, at most half of the window.
    """
    card = SystemCard(
        name="oracle_psm",
        family="oracle",
        description="ideal phase-sensitive mask, truncated to [0, 1] (Erdogan 2015)",
        privileged=True,
        options={"window_ms": window_ms, "hop_ms": hop_ms},
    )
    stft = Stft(window_ms=window_ms, hop_ms=hop_ms)
    return MaskOracle(card=card, stft=stft, mask=phase_sensitive_mask, device=device)


def phase_sensitive_mask(spectra: Spectra) -> Tensor:
    """The truncated phase-sensitive mask [B, F, N]; 0 where the mixture is 0."""
    mixture = spectra.mixture
    aligned = (spectra.target * mixture.conj()).real
    return safe_ratio(aligned, (mixture * mixture.conj()).real).clamp(0.0, 1.0)
