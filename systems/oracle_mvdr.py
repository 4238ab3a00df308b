r"""`oracle_mvdr`: a beamformer that passes the target and suppresses all else, steered by ideal masks.

With X [C] the spectra of the mixture at C microphones, and S and N those of target and interferers at the reference
channel, the masks M = |S|² / (|S|² + |N|²) and 1 − M weight the mixture's covariances in each frequency,

    Φ_S = Σ M X X^H / Σ M,    Φ_N = Σ (1 − M) X X^H / Σ (1 − M),

and the filter of channel c is column c of Φ_N⁻¹ Φ_S / tr(Φ_N⁻¹ Φ_S). Sources:

- filter: M. Souden, J. Benesty and S. Affes, "On optimal frequency-domain multichannel linear filtering for noise
  reduction", IEEE TASLP 18(2), 2010, the MVDR of eq. 24, which needs no steering vector.
- covariances by masks: H. Erdogan et al., "Improved MVDR beamforming using single-channel mask prediction networks",
  Interspeech 2016.

One filter for each channel keeps what tells a listener where the target is: level and time differences between ears.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import ConfigError
from ..datasets.types import Truth
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.batches import answer_at_all
from .shared.beamforming import covariance, loaded
from .shared.masks import Stft, safe_ratio


@register_system("oracle_mvdr")
class MvdrOracle:
    """MVDR beamformer with ideal masks (oracle): the target at every channel, zeros if it is absent.

    It is linear and does not change over a recording, so it is a bound of such filters with these microphones, not of
    all systems. With one microphone nothing can be suppressed: the estimate is the mixture.

    Args:
        window_ms: length of the STFT's window and transform; a square-root Hann window.
        hop_ms: distance of the STFT's frames, at most half of the window.
        loading: share of the mean power of the interference that is added to the diagonal of its covariance, so that
            it can be inverted.

    Raises:
        ConfigError: window and hop do not fit, or `loading` is not above zero.
    """

    def __init__(
        self, *, window_ms: float = 64.0, hop_ms: float = 16.0, loading: float = 1e-4, device: str = "cpu"
    ) -> None:
        if not loading > 0:
            raise ConfigError(f"system 'oracle_mvdr': loading = {loading:g} must be above 0")
        self._stft = Stft(window_ms=window_ms, hop_ms=hop_ms)
        self._loading, self._device = loading, torch.device(device)
        self.card = SystemCard(
            name="oracle_mvdr",
            family="oracle",
            description="MVDR beamformer with ideal masks (Souden 2010, Erdogan 2016)",
            channels="any",
            privileged=True,
            options={"window_ms": window_ms, "hop_ms": hop_ms, "loading": loading},
        )

    def extract_with_truth(self, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
        """Answer a batch; `truths` are at the batch's rate, unpadded."""
        mixture = batch.mixture.to(self._device)
        estimate = torch.zeros_like(mixture)
        for row, (length, truth) in enumerate(zip(batch.lengths.tolist(), truths, strict=True)):
            if truth.target is not None:
                signals = self._beamformed(mixture[row, :, :length], truth.target, truth.interferers, batch)
                estimate[row, :, :length] = signals.to(estimate.dtype)
        return Extraction(estimate=answer_at_all(estimate))

    def _beamformed(self, mixture: Tensor, target: Tensor, interferers: Tensor, batch: QueryBatch) -> Tensor:
        """The target [C, T] at every channel of a mixture [C, T], by the true one and the interferers [S, T]."""
        rate = batch.sample_rate_hz
        spectra = self._stft.analyse(mixture, rate)  # [C, F, N]
        wanted, other = (
            self._stft.analyse(signal[None].to(self._device), rate)[0].abs().square()
            for signal in (target[batch.reference_channel], interferers.sum(dim=0))
        )
        mask = safe_ratio(wanted, wanted + other)  # [F, N]
        filters = self._filters(spectra, mask)  # [F, C, C]
        filtered = torch.einsum("fdc,dfn->cfn", filters.conj(), spectra)
        return self._stft.synthesise(filtered, mixture.shape[-1], rate)

    def _filters(self, spectra: Tensor, mask: Tensor) -> Tensor:
        """Filters [F, C, C], one column for each channel."""
        signal, noise = covariance(spectra, mask), covariance(spectra, 1.0 - mask)
        ratio = torch.linalg.solve(loaded(noise, self._loading), signal)
        total = ratio.diagonal(dim1=-2, dim2=-1).real.sum(dim=-1)[:, None, None]
        return safe_ratio(ratio, total.to(ratio.dtype))
