"""Conv-TasNet of audio-visual networks: encoder, bottleneck, stacks that take a clue, one ReLU mask, decoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from ..conv_tasnet import Positive, TasNetConfig
from ..filterbank import Decoder, Encoder, rms
from ..multiscale import ChannelNorm
from ..tcn import Stack, apply_mask
from ..visual.alignment import OnFrames
from ..visual.front_end import FrontEndConfig, VisualEncoder
from ..visual.videos import Videos
from .clue import AvAnswer, AvClue


class AvConfig(TasNetConfig, FrontEndConfig):
    """Hyper-parameters of an audio-visual Conv-TasNet; N = B = 256 and L = 40 at 16 kHz in the published ones.

    Attributes:
        num_filters: N, channels of the encoder.
        filter_length: L, length of encoder and decoder filters, in samples.
        stacks: R, stacks of blocks, each of which takes the clue.
    """

    num_filters: Positive = 256
    filter_length: Positive = 40
    stacks: Annotated[int, Field(gt=0, le=64)] = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A mixture on its way through a network.

    Attributes:
        level: RMS [B, 1] that the mixture was divided by.
        mixture: encoded mixture [B, N, K].
        mask: of its frames, see `tcn`.
        features: [B, B', K] after the bottleneck.
        on_frames: places features of pictures on the frames.
        visual: features [B, D, F] of the pictures.
    """

    level: Tensor
    mixture: Tensor
    mask: Tensor | None
    features: Tensor
    on_frames: OnFrames
    visual: Tensor


class AvExtractor(nn.Module, ABC):
    """Parts that all audio-visual networks share; they differ in what their stacks take.

    The mixture is normalised to unit RMS inside and estimates are scaled back. `speakers` are classifiers of the
    training speakers on the embeddings of an answer, in their order.
    """

    def __init__(self, config: AvConfig) -> None:
        super().__init__()
        c = self.config = config
        self.encoder = Encoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop)
        self.decoder = Decoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop)
        self.norm = ChannelNorm(c.num_filters)
        self.bottleneck = nn.Conv1d(c.num_filters, c.bottleneck, 1)
        self.visual = VisualEncoder(c)
        self.stacks = nn.ModuleList(Stack(c.block, num_blocks=c.blocks) for _ in range(c.stacks))
        self.output = nn.Conv1d(c.bottleneck, c.num_filters, 1)
        self.speakers = nn.ModuleList()

    @abstractmethod
    def answer(self, mixture: Tensor, lengths: Tensor, clue: AvClue) -> AvAnswer:
        """Answer mixtures [B, T], zeros past the lengths [B]."""

    def begin(self, mixture: Tensor, lengths: Tensor, videos: Videos) -> Encoded:
        """Encode mixtures [B, T], zeros past the lengths [B], and their videos."""
        level = rms(mixture, lengths)
        levelled = mixture / level
        encoded, mask = self.encoder.with_mask(levelled, lengths)
        middles = self.encoder.frame_middles(mixture.shape[-1], device=mixture.device)
        return Encoded(
            level=level,
            mixture=encoded,
            mask=mask,
            features=apply_mask(self.bottleneck(self.norm(encoded)), mask),
            on_frames=OnFrames(videos.counts, middles * (self.config.pictures_per_s / self.config.sample_rate_hz)),
            visual=self.visual(videos, levelled, lengths),
        )

    def stack(self, index: int, features: Tensor, mask: Tensor | None) -> Tensor:
        """Features [B, B', K] through one stack."""
        out: Tensor = self.stacks[index](apply_mask(features, mask), mask)[0]
        return out

    def finish(self, encoded: Encoded, features: Tensor, *, num_samples: int) -> Tensor:
        """Estimates [B, T] from the features of the last stack."""
        masked = encoded.mixture * self.output(features).relu()
        estimate: Tensor = self.decoder(apply_mask(masked, encoded.mask), num_samples=num_samples)
        return estimate * encoded.level
