"""Network of MuSE: lips, and the voice that the lips single out (Pan, Tao, Xu and Li, ICASSP 2021)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ..speaker_head import SpeakerHead
from .clue import AvAnswer, AvClue
from .extractor import AvConfig, AvExtractor
from .speaker_encoders import VoiceEncoder


class MuseConfig(AvConfig):
    """Hyper-parameters.

    Attributes:
        speakers: outputs of the classifiers of the training speakers; 0 has none.
        speaker_loss: weight of the sum of their cross-entropies in the training loss.
    """

    speakers: Annotated[int, Field(ge=0, le=100_000)] = 800
    speaker_loss: Annotated[float, Field(ge=0)] = 0.1


class MuseNet(AvExtractor):
    """Before each stack, an embedding of the masked mixture and the lips joins the features and the lips."""

    config: MuseConfig

    def __init__(self, config: MuseConfig) -> None:
        super().__init__(config)
        c, width = config, self.visual.num_features
        self.adapt = nn.ModuleList(nn.Conv1d(width, c.bottleneck, 1, bias=False) for _ in range(c.stacks))
        self.adapt_voice = nn.ModuleList(nn.Conv1d(width, c.bottleneck, 1, bias=False) for _ in range(c.stacks))
        self.voices = nn.ModuleList(
            VoiceEncoder(channels_in=2 * c.bottleneck, channels=c.bottleneck, channel_norm=False, dropout=False)
            for _ in range(c.stacks)
        )
        self.join = nn.ModuleList(nn.Conv1d(3 * c.bottleneck, c.bottleneck, 1, bias=False) for _ in range(c.stacks))
        self.speakers = nn.ModuleList(
            SpeakerHead(embedding_dim=c.bottleneck, num_speakers=c.speakers)
            for _ in range(c.stacks if c.speakers else 0)
        )

    def answer(self, mixture: Tensor, lengths: Tensor, clue: AvClue) -> AvAnswer:
        """Answer mixtures [B, T], zeros past the lengths [B], by the videos alone."""
        encoded = self.begin(mixture, lengths, clue.videos)
        features, embeddings = encoded.features, []
        for index in range(self.config.stacks):
            lips = encoded.on_frames(self.adapt[index](encoded.visual))
            lips_of_voice = encoded.on_frames(self.adapt_voice[index](encoded.visual))
            heard = torch.cat([encoded.features * features.relu(), lips_of_voice], dim=1)
            embedding = self.voices[index](heard, encoded.mask)
            embeddings.append(embedding)
            spread = embedding[:, :, None].expand(-1, -1, features.shape[-1])
            features = self.join[index](torch.cat([spread, features, lips], dim=1))
            features = self.stack(index, features, encoded.mask)
        return AvAnswer(
            estimate=self.finish(encoded, features, num_samples=mixture.shape[-1]), embeddings=tuple(embeddings)
        )
