"""The network of the cascade for speech: a separator, and an embedder of voices beside it."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from .conv_tasnet import Positive
from .enrollment import StackEmbedder
from .separator import Separator, SeparatorConfig
from .speaker_head import CosineSpeakerHead


class SeparateThenIdentifyConfig(SeparatorConfig):
    """Hyper-parameters of the separator, and of the embedder of voices.

    No paper gives those of the embedder: they are ours, in the letters of Conv-TasNet.

    Attributes:
        num_outputs: voices that can be told apart, noise among them.
        voice_filters: N of the embedder's own filterbank.
        voice_filter_length: its L, in samples; its stride is L/2.
        voice_bottleneck: B of its stack.
        voice_hidden: H of its stack.
        voice_blocks: X of its stack.
        voice_dim: D, of the embeddings.
        temperature: of the softmax over cosines; for training only.
        speakers: outputs of a classifier of the training speakers; 0 has none.
        speaker_loss: weight of its cross-entropy; for training only.
        identification_loss: weight of the cross-entropy of picking the wanted signal; for
            training only. None of the two weights reaches the separator.
    """

    num_outputs: Annotated[int, Field(gt=1, le=16)] = 2
    voice_filters: Positive = 128
    voice_filter_length: Annotated[int, Field(gt=1)] = 128
    voice_bottleneck: Positive = 128
    voice_hidden: Positive = 256
    voice_blocks: Annotated[int, Field(gt=0, le=14)] = 6
    voice_dim: Positive = 128
    temperature: Annotated[float, Field(gt=0)] = 0.1
    speakers: Annotated[int, Field(ge=0, le=100_000)] = 0
    speaker_loss: Annotated[float, Field(ge=0)] = 0.5
    identification_loss: Annotated[float, Field(ge=0)] = 1.0


class SeparateThenIdentifyNet(nn.Module):
    """Separator of voices, and embedder of voices; the two are trained side by side."""

    def __init__(self, config: SeparateThenIdentifyConfig) -> None:
        super().__init__()
        self.config = c = config
        self.separator = Separator(config)
        self.voices = StackEmbedder(
            num_filters=c.voice_filters,
            filter_length=c.voice_filter_length,
            stride=c.voice_filter_length // 2,
            rectify=True,
            blocks=c.voice_blocks,
            bottleneck=c.voice_bottleneck,
            hidden=c.voice_hidden,
            kernel=c.kernel,
            skip=0,
            norm="global",
            embedding_dim=c.voice_dim,
        )
        self.speakers: CosineSpeakerHead | None = None
        if c.speakers:
            self.speakers = CosineSpeakerHead(
                embedding_dim=c.voice_dim, num_speakers=c.speakers, temperature=c.temperature
            )

    def embed(self, signals: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, D] of unit length of signals [B, T], zeros past the lengths [B]."""
        return F.normalize(self.voices(signals, lengths), dim=-1)

    def embed_each(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, N, D] of signals [B, N, T], zeros past the lengths [B]."""
        count = outputs.shape[1]
        embeddings = self.embed(outputs.flatten(0, 1), lengths.repeat_interleave(count))
        return embeddings.view(-1, count, embeddings.shape[-1])

    def forward(
        self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> Tensor:
        """Separate all voices, and return the one nearest to the enrollment.

        Args:
            mixture: [B, T], zeros past each length.
            lengths: [B].
            enrollment: [B, T'], zeros past each length.
            enrollment_lengths: [B].

        Returns:
            The estimate [B, T].
        """
        outputs: Tensor = self.separator(mixture, lengths)
        wanted = self.embed(enrollment, enrollment_lengths)
        return nearest(outputs, similarities(self.embed_each(outputs, lengths), wanted))


def similarities(candidates: Tensor, wanted: Tensor) -> Tensor:
    """Cosines [B, N] of embeddings [B, N, D] and [B, D] of unit length."""
    return (candidates * wanted[:, None]).sum(dim=-1)


def nearest(outputs: Tensor, cosines: Tensor) -> Tensor:
    """The signal [B, T] of those [B, N, T] that has the highest of the cosines [B, N]."""
    rows = torch.arange(len(outputs), device=outputs.device)
    return outputs[rows, cosines.argmax(dim=1)]
