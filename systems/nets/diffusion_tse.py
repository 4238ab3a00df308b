"""Network of the diffusion model of target speech: OU-VE process on the complex spectrum, given mixture and clue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import nn

from .generative.ncsnpp.config import NcsnppConfig
from .generative.paths import OrnsteinUhlenbeck
from .generative.samplers.build import SamplerName
from .speech_generator.backbones import DilatedBackbone, NcsnppBackbone
from .speech_generator.config import Size, SpeechGeneratorConfig
from .speech_generator.net import SpeechGenerator

Positive = Annotated[float, Field(gt=0)]


class DiffusionTseConfig(SpeechGeneratorConfig):
    """Hyper-parameters after Kamo et al. (Interspeech 2023); where the paper has none, those of SGMSE+ (2023).

    Attributes:
        start: where the mean of the process ends, from which sampling begins: "noise" (zero), the "mixture", or the
            initial "estimate" (stochastic regeneration, Lemercier et al., 2023).
        theta: stiffness of the process.
        sigma_min: its lowest noise.
        sigma_max: its highest noise.
        backbone: "ncsnpp", which predicts the score, or "dilated", the embedded network, which predicts the data.
        multipliers: channels of the levels of NCSN++ as multiples of `channels`, joined by commas.
        attention: numbers of bins whose levels have self-attention in NCSN++, joined by commas.
        embedding_dim: entries of the embedding of time and clue in the dilated network.
    """

    start: Literal["noise", "mixture", "estimate"] = "mixture"
    theta: Positive = 1.5
    sigma_min: Positive = 0.05
    sigma_max: Positive = 0.5
    backbone: Literal["ncsnpp", "dilated"] = "ncsnpp"
    multipliers: str = "1,1,2,2,2,2,2"
    attention: str = "16"
    embedding_dim: Size = 128
    sampler: SamplerName = "predictor_corrector"
    steps: Annotated[int, Field(gt=0, le=10_000)] = 30

    @model_validator(mode="after")
    def _check(self) -> DiffusionTseConfig:
        if self.start == "estimate" and self.initial is None:
            raise ValueError('start = "estimate" needs `initial`, the checkpoint that makes the estimate')
        if self.backbone == "ncsnpp":
            if self.spectrum != "complex":
                raise ValueError('backbone = "ncsnpp" generates complex spectra; set spectrum: complex')
            self.ncsnpp()
        return self

    def ncsnpp(self) -> NcsnppConfig:
        """Hyper-parameters of NCSN++."""
        return NcsnppConfig(
            channels=self.channels,
            multipliers=self.multipliers,
            blocks=self.blocks,
            attention=self.attention,
            bins=self.bins,
            spectra=3 if self.initial else 2,
            division="inside",
            embedding_dim=self.clue_dim,
        )


class DiffusionTseNet(SpeechGenerator[DiffusionTseConfig]):
    """Score model, or denoiser, of target speech."""

    def __init__(self, config: DiffusionTseConfig) -> None:
        path = OrnsteinUhlenbeck(theta=config.theta, sigma_min=config.sigma_min, sigma_max=config.sigma_max)
        backbone: nn.Module
        if config.backbone == "ncsnpp":
            backbone = NcsnppBackbone(config.ncsnpp())
        else:
            backbone = DilatedBackbone(
                path=path,
                bins=config.bins,
                is_complex=config.spectrum == "complex",
                clue_dim=config.clue_dim,
                channels=config.channels,
                blocks=config.blocks,
                embedding_dim=config.embedding_dim,
            )
        super().__init__(config, path=path, backbone=backbone)
