"""SGMSE: diffusion models of clean speech given a degraded signal, from checkpoints of their public code.

SGMSE+ (Richter et al., IEEE/ACM TASLP 31, 2023) follows the OU-VE process by predictor-corrector steps; the Schrödinger
bridge (Jukić et al., Interspeech 2024, as in Richter et al., "Investigating Training Objectives for Generative Speech
Enhancement", ICASSP 2025) goes from the degraded signal itself to the clean one. Both enhance speech and know no clue.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..core.errors import CheckpointError, ConfigError
from .nets.generative.noise import QueryNoise, member_seeds
from .nets.generative.parametrisation import denoiser
from .nets.generative.samplers.build import SamplerName
from .protocol import Extraction, QueryBatch, SystemCard
from .registry import register_system
from .shared.batches import check_rate, equal_lengths, full_float32
from .shared.initial_estimates import InitialExtraction
from .shared.sgmse_bridge import BridgeKind
from .shared.sgmse_files import Weights, read_sgmse
from .shared.sgmse_model import SgmseModel, SgmseSpectra
from .shared.wrapped import joined_sha256

NAME = "sgmse"
Count = Annotated[int, Field(ge=1, le=10_000)]


@register_system(NAME)
class Sgmse:
    """Speech enhancement by a checkpoint of SGMSE (sp-uhh/sgmse): SGMSE+ or its Schrödinger bridge.

    It has no clue and removes what is no speech; of two speakers it keeps both. With `initial` it enhances the estimate
    of a target by an enrollment instead of the mixture. Each signal is divided by its largest absolute sample and
    enhanced at its own length.

    Args:
        model: a .ckpt of the public code, with backbone ncsnpp, ncsnpp_v2 or ncsnpp_48k.
        initial: checkpoint that extracts by an enrollment, such as td_speakerbeam_mini; signals are resampled to its
            rate and back. Null: the mixture is enhanced.
        weights: averaged over the steps of training, "ema", as the public code uses them, or of the "last" step.
        sampler: null, the public one: "predictor_corrector" for SGMSE+, the public solver for the bridge; or another.
        steps: null: 30, or those of the file for the Schrödinger bridge.
        corrector_steps: corrector steps before each predictor step.
        corrector_snr: r of the corrector; for dereverberation (WSJ0-REVERB) its makers recommend 0.33 with 50 steps.
        eta: share of fresh noise of "ddim".
        bridge: public solver of a Schrödinger bridge: "ode", which draws no noise, or "sde".
        ensemble: samples whose mean is the answer.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or of an unsupported network.
    """

    def __init__(
        self,
        *,
        model: str,
        initial: str | None = None,
        weights: Weights = "ema",
        sampler: SamplerName | None = None,
        steps: Count | None = None,
        corrector_steps: Annotated[int, Field(ge=0, le=100)] = 1,
        corrector_snr: Annotated[float, Field(gt=0)] = 0.5,
        eta: Annotated[float, Field(ge=0, le=1)] = 0.0,
        bridge: BridgeKind = "ode",
        ensemble: Annotated[int, Field(ge=1, le=1000)] = 1,
        device: str = "cpu",
    ) -> None:
        found = read_sgmse(FilePath(model).expanduser(), weights=weights)
        try:
            self._model = SgmseModel(
                found.settings,
                found.net.to(device).eval(),
                sampler=sampler,
                steps=steps,
                corrector_steps=corrector_steps,
                corrector_snr=corrector_snr,
                eta=eta,
                bridge=bridge,
            )
            self._spectra = SgmseSpectra(found.settings, multiple=found.net.config.multiple)
        except ConfigError as error:
            raise CheckpointError(f"model file {model!r}: {error}"[:480]) from None
        self._device = device
        self._ensemble = ensemble
        self._initial = None if initial is None else InitialExtraction(initial, device=device)
        source = None if self._initial is None else self._initial.sha256
        self.card = SystemCard(
            name=NAME,
            family="generative",
            description=f"SGMSE's {self._model.title} (Richter et al., 2023)",
            clues=frozenset() if self._initial is None else frozenset({"enrollment"}),
            sample_rate_hz=found.settings.sample_rate_hz,
            checkpoint=model,
            sha256=found.sha256 if source is None else joined_sha256(found.sha256, source),
            licence="as the model's makers say",
            stochastic=self._model.stochastic,
            options={
                "initial": initial,
                "weights": weights,
                **self._model.options(),
                "ensemble": ensemble,
                "evaluations": ensemble * self._model.evaluations,
            },
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Enhance the first channel of each mixture; with `initial`, queries without an enrollment fail alone."""
        check_rate(batch, self.card)
        failures: dict[str, str] = {}
        given = batch.mixture[:, 0]
        if self._initial is not None:
            given, failures = self._initial.estimates(batch)
        estimate = torch.zeros_like(batch.mixture[:, 0])
        answerable = [row for row, query_id in enumerate(batch.ids) if query_id not in failures]
        for length, rows in equal_lengths(batch, answerable):
            signals = given[rows, :length].to(self._device)
            seeds = [batch.seeds[row] for row in rows]
            with full_float32():
                estimate[rows, :length] = self._enhanced(signals, seeds).to(estimate)
        return Extraction(estimate=estimate, failures=failures)

    def _enhanced(self, signals: Tensor, seeds: list[int]) -> Tensor:
        """Mean over the ensemble of the samples [B, T] for signals [B, T]; silence stays silence."""
        peak = signals.abs().amax(dim=-1, keepdim=True)
        spectra = self._spectra.forward(signals / peak.clamp_min(torch.finfo(peak.dtype).tiny))
        members = list(zip(*(member_seeds(seed, self._ensemble) for seed in seeds), strict=True))
        total = torch.zeros_like(signals)
        for member in members:
            noise = QueryNoise(member, [spectra.shape[-1]] * len(signals))
            model = denoiser(self._model.network(spectra), self._model.predicts, path=self._model.path, start=spectra)
            sample = self._model.sampler.sample(self._model.path, model, start=spectra, noise=noise)
            total += self._spectra.inverse(sample, length=signals.shape[-1])
        return torch.where(peak > 0, peak * total / len(members), 0.0)
