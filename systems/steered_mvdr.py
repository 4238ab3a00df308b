r"""`steered_mvdr`: a beamformer that passes what comes from the direction in the query.

A plane wave from azimuth φ and elevation θ, of which u = (−sin φ cos θ, cos φ cos θ, sin θ) points to the source,
reaches a microphone at p with the phase exp(2πi f u·p / c) re the middle of the array. With d [C] these phases re the
reference channel, and Φ [C, C] the covariance of all that is to be suppressed, the filter of frequency f is

    w = Φ⁻¹ d / (d^H Φ⁻¹ d).

- `interference: diffuse`: sound that comes from all sides alike, Φ_ij = sinc(2 f |p_i − p_j| / c): the superdirective
  beamformer (Bitzer and Simmer, "Superdirective microphone arrays", in Microphone Arrays, Springer, 2001).
- `interference: mixture`: the covariance of the mixture itself, which makes it an MPDR beamformer (Capon, 1969). It
  suppresses interferers by where they are, and the target as far as it is no plane wave from just this direction.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ..core.errors import ConfigError
from ..datasets.microphones import Position
from ..datasets.signals.image_sources import SPEED_OF_SOUND_M_S
from ..datasets.types import Direction
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.beamforming import covariance, loaded
from .shared.masks import Stft

_NO_DIRECTION = "the query has no direction of the target, and this system needs it"


@register_system("steered_mvdr")
class SteeredMvdr:
    """MVDR beamformer steered to the direction in the query: no training, no enrollment.

    Args:
        positions_m: [right, front, up] of each microphone from the middle of the array, in metres, in the order of the
            channels; those of the set.
        interference: "diffuse", sound from all sides alike, or "mixture", the covariance of each mixture.
        loading: share of the mean power that is added to the diagonal of the covariance: more of it forgives wrong
            positions, levels and directions, and suppresses less.
        window_ms: length of the STFT's window and transform; a square-root Hann window.
        hop_ms: distance of the STFT's frames, at most half of the window.

    Raises:
        ConfigError: window and hop do not fit, or two microphones are at one place.
    """

    def __init__(
        self,
        *,
        positions_m: Annotated[tuple[Position, ...], Field(min_length=2)],
        interference: Literal["diffuse", "mixture"] = "mixture",
        loading: Annotated[float, Field(gt=0)] = 0.1,
        window_ms: float = 64.0,
        hop_ms: float = 16.0,
        device: str = "cpu",
    ) -> None:
        if len(set(positions_m)) < len(positions_m):
            raise ConfigError("system 'steered_mvdr': positions_m has two microphones at one place; give each its own")
        self._stft = Stft(window_ms=window_ms, hop_ms=hop_ms)
        self._device, self._loading, self._interference = torch.device(device), loading, interference
        self._positions = torch.tensor(positions_m, dtype=torch.float64, device=self._device)
        self.card = SystemCard(
            name="steered_mvdr",
            family="baseline",
            description="MVDR beamformer steered to a direction (Capon 1969, Bitzer and Simmer 2001)",
            clues=frozenset({"direction"}),
            channels=len(positions_m),
            options={
                "positions_m": "; ".join(" ".join(f"{value:g}" for value in place) for place in positions_m),
                "interference": interference,
                "loading": loading,
                "window_ms": window_ms,
                "hop_ms": hop_ms,
            },
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a direction fail alone."""
        estimate = torch.zeros_like(batch.mixture[:, 0], device=self._device)
        failures = {}
        for row, (query_id, clues) in enumerate(zip(batch.ids, batch.clues, strict=True)):
            if clues.direction is None:
                failures[query_id] = _NO_DIRECTION
                continue
            length = int(batch.lengths[row])
            mixture = batch.mixture[row, :, :length].to(self._device)
            signal = self._steered(mixture, clues.direction, batch)
            estimate[row, :length] = signal.to(estimate.dtype)
        return Extraction(estimate=estimate, failures=failures)

    def _steered(self, mixture: Tensor, direction: Direction, batch: QueryBatch) -> Tensor:
        """What comes from a direction [T], as the reference channel of a mixture [C, T] has it."""
        rate = batch.sample_rate_hz
        spectra = self._stft.analyse(mixture, rate)  # [C, F, N]
        frequencies = torch.linspace(0, rate / 2, spectra.shape[1], dtype=torch.float64, device=self._device)
        steering = self._phases(direction, frequencies, batch.reference_channel)  # [F, C]
        solved = torch.linalg.solve(self._covariance(spectra, frequencies), steering[..., None])[..., 0]
        filters = solved / (steering.conj() * solved).sum(dim=-1, keepdim=True)
        filtered = torch.einsum("fc,cfn->fn", filters.conj(), spectra)
        return self._stft.synthesise(filtered[None], mixture.shape[-1], rate)[0]

    def _phases(self, direction: Direction, frequencies: Tensor, reference: int) -> Tensor:
        """Phases [F, C] of a plane wave from `direction` re the reference channel."""
        azimuth, elevation = torch.deg2rad(
            torch.tensor([direction.azimuth_deg, direction.elevation_deg], dtype=torch.float64, device=self._device)
        )
        flat = elevation.cos()
        to_source = torch.stack([-azimuth.sin() * flat, azimuth.cos() * flat, elevation.sin()])
        ahead_s = (self._positions - self._positions[reference]) @ to_source / SPEED_OF_SOUND_M_S
        return torch.exp(2j * torch.pi * frequencies[:, None] * ahead_s)

    def _covariance(self, spectra: Tensor, frequencies: Tensor) -> Tensor:
        """Covariances [F, C, C] of what is to be suppressed, with a loaded diagonal."""
        if self._interference == "diffuse":
            apart_s = torch.cdist(self._positions, self._positions) / SPEED_OF_SOUND_M_S
            return loaded(torch.sinc(2 * frequencies[:, None, None] * apart_s).to(spectra.dtype), self._loading)
        return loaded(covariance(spectra), self._loading)
