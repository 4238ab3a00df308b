"""Network of flow matching of target speech: straight paths from mixture, estimate or background to the target."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from .generative.paths import OptimalTransport
from .speech_generator.backbones import DilatedBackbone
from .speech_generator.config import Size, SpeechGeneratorConfig
from .speech_generator.given import LevelledSignals
from .speech_generator.net import SpeechGenerator, clue_encoder
from .speech_generator.udit import UditBackbone, UditSizes


class FlowTseConfig(SpeechGeneratorConfig):
    """Hyper-parameters of flow matching for target speech.

    Attributes:
        start: where the path begins: "noise"; the "mixture" or the initial "estimate", each with noise around it
            (FlowAVSE, 2024); or the "background", on whose path to the target the mixture lies at the mixing ratio,
            which the network predicts (AD-FlowTSE, 2025), without any noise.
        sigma: standard deviation of the noise at the start.
        backbone: "udit", a transformer that predicts the velocity, or "dilated", the embedded network, which predicts
            the data.
        heads: attention heads of the transformer.
        embedding_dim: entries of the embedding of time and clue in the dilated network.
    """

    start: Literal["noise", "background", "mixture", "estimate"] = "mixture"
    sigma: Annotated[float, Field(gt=0)] = 0.5
    backbone: Literal["udit", "dilated"] = "udit"
    channels: Size = 1024
    blocks: Annotated[int, Field(gt=0, le=64)] = 16
    heads: Size = 16
    embedding_dim: Size = 128

    @model_validator(mode="after")
    def _check(self) -> FlowTseConfig:
        if self.start == "estimate" and self.initial is None:
            raise ValueError('start = "estimate" needs `initial`, the checkpoint that makes the estimate')
        if self.start == "background" and (self.spectrum, self.exponent) != ("complex", 1.0):
            raise ValueError(
                'start = "background" needs sums of signals to be sums of spectra: set spectrum: complex, exponent: 1.0'
            )
        if self.backbone == "udit" and self.channels % (2 * self.heads):
            raise ValueError(f"channels = {self.channels} is no multiple of twice {self.heads}, the heads")
        return self


class RatioHead(nn.Module):
    """Mixing ratio ‖s‖ / (‖s‖ + ‖b‖) of target s and background b, from mixture and enrollment."""

    def __init__(self, config: FlowTseConfig) -> None:
        super().__init__()
        self.encoder = clue_encoder(config)
        width = config.clue_dim or config.clue_channels
        self.layers = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, signals: LevelledSignals) -> Tensor:
        """Ratios [B] of 0..1."""
        both = [
            self.encoder(signals.mixture, signals.lengths),
            self.encoder(signals.enrollment, signals.enrollment_lengths),
        ]
        ratio: Tensor = self.layers(torch.cat(both, dim=1)).sigmoid()[:, 0]
        return ratio


class FlowTseNet(SpeechGenerator[FlowTseConfig]):
    """Velocity model, or denoiser, of target speech.

    Attributes:
        ratio: predicts the mixing ratio, for paths from the background.
    """

    def __init__(self, config: FlowTseConfig) -> None:
        from_background = config.start == "background"
        path = OptimalTransport(sigma=1.0 if from_background or config.start == "noise" else config.sigma)
        is_complex = config.spectrum == "complex"
        backbone: nn.Module
        if config.backbone == "udit":
            sizes = UditSizes(channels=config.channels, blocks=config.blocks, heads=config.heads)
            backbone = UditBackbone(sizes, bins=config.bins, is_complex=is_complex, clue_dim=config.clue_dim)
        else:
            backbone = DilatedBackbone(
                path=path,
                bins=config.bins,
                is_complex=is_complex,
                clue_dim=config.clue_dim,
                channels=config.channels,
                blocks=config.blocks,
                embedding_dim=config.embedding_dim,
            )
        super().__init__(config, path=path, backbone=backbone)
        self.ratio = RatioHead(config) if from_background else None

    @property
    def draws_noise(self) -> bool:
        """False on paths from the background, which have no noise."""
        return self.config.start != "background"
