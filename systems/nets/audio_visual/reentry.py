"""Network of reentry: what a stack extracts enters the next one as a voice (Pan, Tao, Xu and Li, TASLP 2022)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ..speaker_head import SpeakerHead
from ..visual.front_end import FrontEndName
from .clue import AvAnswer, AvClue
from .extractor import AvConfig, AvExtractor, Encoded
from .speaker_encoders import VoiceEncoder


class ReentryConfig(AvConfig):
    """Hyper-parameters; 18.8 million parameters with 800 training speakers.

    Attributes:
        speakers: outputs of the classifiers of the training speakers; 0 has none.
        speaker_loss: weight of the sum of their cross-entropies in the training loss.
    """

    front_end: FrontEndName = "slsyn"
    speakers: Annotated[int, Field(ge=0, le=100_000)] = 800
    speaker_loss: Annotated[float, Field(ge=0)] = 0.005


class ReentryNet(AvExtractor):
    """From the second stack on, the estimate so far is decoded and encoded again, and its voice joins the lips.

    The voice is the mean of its encoder's frames in every stack, as in the public code for four stacks.
    """

    config: ReentryConfig

    def __init__(self, config: ReentryConfig) -> None:
        super().__init__(config)
        c, later = config, config.stacks - 1
        self.adapt = nn.ModuleList(
            nn.Conv1d(self.visual.num_features, c.bottleneck, 1, bias=False) for _ in range(c.stacks)
        )
        self.join = nn.ModuleList(
            nn.Conv1d((3 if index else 2) * c.bottleneck, c.bottleneck, 1, bias=False) for index in range(c.stacks)
        )
        self.voices = nn.ModuleList(
            VoiceEncoder(channels_in=c.num_filters, channels=c.bottleneck, channel_norm=True, dropout=True)
            for _ in range(later)
        )
        self.speakers = nn.ModuleList(
            SpeakerHead(embedding_dim=c.bottleneck, num_speakers=c.speakers) for _ in range(later if c.speakers else 0)
        )

    def answer(self, mixture: Tensor, lengths: Tensor, clue: AvClue) -> AvAnswer:
        """Answer mixtures [B, T], zeros past the lengths [B], by the videos alone."""
        encoded = self.begin(mixture, lengths, clue.videos)
        features, embeddings, num_samples = encoded.features, [], mixture.shape[-1]
        for index in range(self.config.stacks):
            parts = [features, encoded.on_frames(self.adapt[index](encoded.visual))]
            if index:
                embedding = self._voice(index - 1, encoded, features, lengths, num_samples=num_samples)
                embeddings.append(embedding)
                parts.append(embedding[:, :, None].expand(-1, -1, features.shape[-1]))
            features = self.stack(index, self.join[index](torch.cat(parts, dim=1)), encoded.mask)
        return AvAnswer(estimate=self.finish(encoded, features, num_samples=num_samples), embeddings=tuple(embeddings))

    def _voice(self, index: int, encoded: Encoded, features: Tensor, lengths: Tensor, *, num_samples: int) -> Tensor:
        """Embedding [B, D] of the estimate so far."""
        estimate = self.finish(encoded, features, num_samples=num_samples) / encoded.level
        inside = torch.arange(num_samples, device=lengths.device) < lengths[:, None]
        again = self.encoder(estimate * inside.to(estimate.dtype))
        embedding: Tensor = self.voices[index](again, encoded.mask)
        return embedding
