"""Network of flow matching of target speech: straight paths from mixture, estimate or background to the target."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import nn

from .generative.paths import OptimalTransport
from .speech_generator.backbones import DilatedBackbone
from .speech_generator.config import Size, SpeechGeneratorConfig
from .speech_generator.net import SpeechGenerator


class FlowTseConfig(SpeechGeneratorConfig):
    """Hyper-parameters of flow matching for target speech.

    Attributes:
        start: where the path begins: "noise"; the "mixture" or the initial "estimate", each with noise around it.
        sigma: standard deviation of the noise at the start.
        backbone: "dilated", the embedded network, which predicts the data.
        embedding_dim: entries of the embedding of time and clue in the dilated network.
    """

    start: Literal["noise", "mixture", "estimate"] = "mixture"
    sigma: Annotated[float, Field(gt=0)] = 0.5
    backbone: Literal["dilated"] = "dilated"
    embedding_dim: Size = 128

    @model_validator(mode="after")
    def _check(self) -> FlowTseConfig:
        if self.start == "estimate" and self.initial is None:
            raise ValueError('start = "estimate" needs `initial`, the checkpoint that makes the estimate')
        return self


class FlowTseNet(SpeechGenerator[FlowTseConfig]):
    """Velocity model, or denoiser, of target speech."""

    def __init__(self, config: FlowTseConfig) -> None:
        path = OptimalTransport(sigma=config.sigma)
        backbone: nn.Module = DilatedBackbone(
            path=path,
            bins=config.bins,
            is_complex=config.spectrum == "complex",
            clue_dim=config.clue_dim,
            channels=config.channels,
            blocks=config.blocks,
            embedding_dim=config.embedding_dim,
        )
        super().__init__(config, path=path, backbone=backbone)
