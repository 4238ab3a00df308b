"""Network of AV-ConvTasNet: a Conv-TasNet whose stacks see the lips (Wu et al., ASRU 2019)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from .clue import AvAnswer, AvClue
from .extractor import AvConfig, AvExtractor


class AvConvTasNetConfig(AvConfig):
    """Hyper-parameters; 22.3 million parameters by default.

    Attributes:
        fusion: "every_stack" joins the lips before every stack, as the version that MuSE and later papers compare with;
            "once" before the second stack alone, as Wu et al.
    """

    fusion: Literal["every_stack", "once"] = "every_stack"


class AvConvTasNetNet(AvExtractor):
    """Each fusion: 1×1 of the lips to B channels, interpolation, concatenation, 1×1 to B channels."""

    config: AvConvTasNetConfig

    def __init__(self, config: AvConvTasNetConfig) -> None:
        super().__init__(config)
        c = config
        self.fused = tuple(range(c.stacks)) if c.fusion == "every_stack" else (min(1, c.stacks - 1),)
        self.adapt = nn.ModuleList(nn.Conv1d(self.visual.num_features, c.bottleneck, 1) for _ in self.fused)
        self.join = nn.ModuleList(nn.Conv1d(2 * c.bottleneck, c.bottleneck, 1) for _ in self.fused)

    def answer(self, mixture: Tensor, lengths: Tensor, clue: AvClue) -> AvAnswer:
        """Answer mixtures [B, T], zeros past the lengths [B], by the videos alone."""
        encoded = self.begin(mixture, lengths, clue.videos)
        features = encoded.features
        for index in range(self.config.stacks):
            if index in self.fused:
                place = self.fused.index(index)
                lips = encoded.on_frames(self.adapt[place](encoded.visual))
                features = self.join[place](torch.cat([features, lips], dim=1))
            features = self.stack(index, features, encoded.mask)
        return AvAnswer(estimate=self.finish(encoded, features, num_samples=mixture.shape[-1]))
