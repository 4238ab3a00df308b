"""Network that extracts on-screen and selected off-screen speech at once (Yoshinaga, Tanaka and Morishima, 2023)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ....core.errors import ConfigError
from ..conv_tasnet import Positive
from ..multiscale import ChannelNorm
from ..recurrent_embedder import ActivityGate, RecurrentEmbedder, gate
from .clue import AvAnswer, AvClue
from .extractor import AvConfig, AvExtractor, Encoded


class AvOnOffConfig(AvConfig):
    """Hyper-parameters; the paper's "Proposed_A" by default, "Proposed_r" with `front_end: slsyn`.

    Attributes:
        clue_dim: D^av, entries of the clue that is joined to the features of each stack.
        voiceprint_dim: D^a, entries of the voiceprint.
        attention: weight the voiceprint by the estimated activity of the off-screen speaker ("AM", eq. 2).
        activity_loss: λ, weight of the cross-entropy of that activity in the training loss (eq. 3).
        reference_filters: filters of the voiceprint encoder, which is that of WASE.
        reference_length: their length, in samples; the stride is a quarter of it.
        reference_hidden: units of its LSTM in each direction.
    """

    clue_dim: Positive = 256
    voiceprint_dim: Positive = 256
    attention: bool = True
    activity_loss: Annotated[float, Field(ge=0)] = 1.0
    reference_filters: Positive = 128
    reference_length: Annotated[int, Field(gt=3)] = 256
    reference_hidden: Positive = 256


class AvOnOffNet(AvExtractor):
    """Before each stack: normalised lips + activity · normalised voiceprint, joined to the features."""

    config: AvOnOffConfig

    def __init__(self, config: AvOnOffConfig) -> None:
        super().__init__(config)
        c = config
        self.voiceprint = RecurrentEmbedder(
            num_filters=c.reference_filters,
            filter_length=c.reference_length,
            stride=c.reference_length // 4,
            hidden=c.reference_hidden,
            embedding_dim=c.voiceprint_dim,
        )
        self.blocks = nn.ModuleList(_ClueBlock(c, num_visual=self.visual.num_features) for _ in range(c.stacks))

    def answer(self, mixture: Tensor, lengths: Tensor, clue: AvClue) -> AvAnswer:
        """Answer mixtures [B, T], zeros past the lengths [B], by lips and enrollments.

        Raises:
            ConfigError: the clue has no enrollment.
        """
        if clue.enrollment is None or clue.enrollment_lengths is None:
            raise ConfigError("av_onoff needs an enrollment of the off-screen speaker in addition to the video")
        voiceprint = self.voiceprint(clue.enrollment, clue.enrollment_lengths)
        encoded = self.begin(mixture, lengths, clue.videos)
        features, activity = encoded.features, []
        for index, block in enumerate(self.blocks):
            features, logits = block(features, encoded, voiceprint)
            activity += [] if logits is None else [logits]
            features = self.stack(index, features, encoded.mask)
        estimate = self.finish(encoded, features, num_samples=mixture.shape[-1])
        return AvAnswer(estimate=estimate, activity=tuple(activity))


class _ClueBlock(nn.Module):
    """Joins the audio-visual clue to the features of one stack (Fig. 2b)."""

    def __init__(self, config: AvOnOffConfig, *, num_visual: int) -> None:
        super().__init__()
        c = config
        self.lips = nn.Conv1d(num_visual, c.clue_dim, 1)
        self.lips_norm = ChannelNorm(c.clue_dim)
        self.voice = nn.Linear(c.voiceprint_dim, c.clue_dim)
        self.voice_norm = nn.LayerNorm(c.clue_dim)
        # Activity is estimated from voiceprint times features: their sizes differ if D^av is not B.
        self.to_features = nn.Identity() if c.clue_dim == c.bottleneck else nn.Linear(c.clue_dim, c.bottleneck)
        self.activity = ActivityGate(c.bottleneck) if c.attention else None
        self.join = nn.Conv1d(c.bottleneck + c.clue_dim, c.bottleneck, 1)

    def forward(self, features: Tensor, encoded: Encoded, voiceprint: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features [B, B', K] to features of the same shape, and the activity's logits [B, K] if it is estimated."""
        lips = encoded.on_frames(self.lips_norm(self.lips(encoded.visual)))
        voice = self.voice(voiceprint)
        placed = self.voice_norm(voice)[:, :, None]
        logits = None
        if self.activity is not None:
            logits = self.activity(features, self.to_features(voice))
            placed = placed * gate(logits)
        joined: Tensor = self.join(torch.cat([features, lips + placed], dim=1))
        return joined, logits
