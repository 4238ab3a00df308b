"""Visual front ends by their name in a config."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ....core.errors import ConfigError
from ....core.validation import StrictModel
from .drawn_mouth import DrawnMouth
from .resnet import LipResNet
from .synchrony import SynchronyNet
from .temporal import VisualBlocks
from .videos import Videos, in_equal_groups

FrontEndName = Literal["resnet18", "slsyn", "features", "drawn_mouth", "drawn_slsyn"]
FRONT_END = "front_end."
"""Prefix of its weights in a network's."""

Positive = Annotated[int, Field(gt=0)]


class FrontEndConfig(StrictModel):
    """Hyper-parameters of a visual encoder.

    Attributes:
        front_end: "resnet18", MuSE's lip network (512 features); "slsyn", the synchrony network of reentry (256), which
            takes the mixture as well; "features", none: the data has features instead of pictures; "drawn_mouth" and
            "drawn_slsyn", small ones for drawn mouths.
        visual_features: features of a small front end, or of the data, for each picture.
        visual_hidden: channels inside of the temporal blocks of a synchrony network.
        visual_blocks: residual temporal blocks after the front end, which are trained with the network.
        sample_rate_hz: rate of the audio, which places pictures on its frames; that of the training data.
        pictures_per_s: rate that videos of other rates are brought to.
        freeze_front_end: keep the front end as it was pre-trained, also its batch norms.
    """

    front_end: FrontEndName = "resnet18"
    visual_features: Positive = 48
    visual_hidden: Positive = 512
    visual_blocks: Annotated[int, Field(ge=0, le=64)] = 5
    sample_rate_hz: Annotated[int, Field(ge=4000, le=96_000)] = 16_000
    pictures_per_s: Annotated[float, Field(gt=0, le=240)] = 25.0
    freeze_front_end: bool = False

    @property
    def samples_per_picture(self) -> int:
        """Samples that pass during one picture, rounded."""
        return round(self.sample_rate_hz / self.pictures_per_s)

    @model_validator(mode="after")
    def _check_rates(self) -> FrontEndConfig:
        if self.front_end.endswith("slsyn") and self.samples_per_picture % 16:
            raise ValueError(
                f"front_end {self.front_end!r} needs sample_rate_hz / pictures_per_s to be a multiple of 16, and it is "
                f"{self.samples_per_picture}; use 8000 or 16000 Hz with 25 pictures per second"
            )
        return self


class VisualEncoder(nn.Module):
    """Front end and temporal blocks: videos to features of their pictures."""

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__()
        self.frozen = config.freeze_front_end
        self.front_end = front_end(config)
        self.hears = isinstance(self.front_end, SynchronyNet)
        hidden = config.visual_hidden if self.hears else None
        self.num_features = int(self.front_end.num_features)
        self.blocks = VisualBlocks(self.num_features, blocks=config.visual_blocks, hidden=hidden)
        if self.frozen:
            self.front_end.requires_grad_(False)

    def train(self, mode: bool = True) -> VisualEncoder:
        """Training mode; a frozen front end stays in that of inference."""
        super().train(mode)
        if self.frozen:
            self.front_end.eval()
        return self

    def forward(self, videos: Videos, mixture: Tensor, lengths: Tensor) -> Tensor:
        """Features [B, D, F], zeros past the counts; `mixture` [B, T] has zeros past the lengths [B]."""
        samples = [max(1, int(length)) for length in lengths] if self.hears else [0] * len(videos)

        def answer(rows: list[int]) -> Tensor:
            pictures = videos.pictures[rows, : videos.counts[rows[0]]]
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
                seen = self._seen(pictures, mixture[rows, : samples[rows[0]]])
            features: Tensor = self.blocks(seen).transpose(1, 2)
            return features

        found = in_equal_groups(list(zip(videos.counts, samples, strict=True)), answer)
        return pad_sequence(found, batch_first=True).transpose(1, 2)

    def _seen(self, pictures: Tensor, mixture: Tensor) -> Tensor:
        seen: Tensor = self.front_end(mixture, pictures) if self.hears else self.front_end(pictures)
        return seen


class GivenFeatures(nn.Module):
    """Features that another program computed, as they are."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, F, 1, D] to [B, D, F].

        Raises:
            ConfigError: they are pictures, or another number of features.
        """
        if tuple(features.shape[2:]) != (1, self.num_features):
            raise ConfigError(
                f"net.front_end = 'features' takes {self.num_features} numbers for each picture (net.visual_features), "
                f"and the data has {' x '.join(map(str, features.shape[2:]))}; use a corpus with features_fps"
            )
        return features[:, :, 0].transpose(1, 2)


def front_end(config: FrontEndConfig) -> LipResNet | DrawnMouth | SynchronyNet | GivenFeatures:
    """Build the front end of a config."""
    if config.front_end == "features":
        return GivenFeatures(config.visual_features)
    if config.front_end == "resnet18":
        return LipResNet(layers=4, norm="batch")
    if config.front_end == "drawn_mouth":
        return DrawnMouth(num_features=config.visual_features)
    small = config.front_end == "drawn_slsyn"
    return SynchronyNet(
        num_features=config.visual_features if small else 256,
        hidden=config.visual_hidden,
        samples_per_picture=config.samples_per_picture,
        small=small,
    )
