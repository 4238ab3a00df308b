"""Network of the cascade for speech: a separator and a speaker embedder."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from .conv_tasnet import Positive
from .enrollment import EnrolledNet, StackEmbedder
from .filterbank import Encoder
from .separator import Separator, SeparatorConfig
from .speaker_head import CosineSpeakerHead
from .tcn import BlockSizes


class SeparateThenIdentifyConfig(SeparatorConfig):
    """Hyper-parameters of the separator and of the speaker embedder.

    Those of the embedder are ours, in the letters of Conv-TasNet.

    Attributes:
        num_outputs: signals that are separated, noise among them.
        voice_filters: N of the embedder's own filterbank.
        voice_filter_length: L of that filterbank, in samples; its stride is L/2.
        voice_bottleneck: B of the embedder's stack.
        voice_hidden: H of the embedder's stack.
        voice_blocks: X of the embedder's stack.
        voice_dim: D, entries of the embeddings.
        temperature: of the softmax over cosines, in training.
        speakers: outputs of a classifier of the training speakers; 0 has none.
        speaker_loss: weight of the classifier's cross-entropy in the training loss, without gradient to the separator.
        identification_loss: weight of the cross-entropy of picking the target; likewise.
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


class SeparateThenIdentifyNet(EnrolledNet[SeparateThenIdentifyConfig, Tensor]):
    """Separator and speaker embedder, trained together without a gradient from one to the other."""

    def __init__(self, config: SeparateThenIdentifyConfig) -> None:
        super().__init__(config)
        c = config
        self.separator = Separator(config)
        length = c.voice_filter_length
        self.voices = StackEmbedder(
            Encoder(num_filters=c.voice_filters, filter_length=length, stride=length // 2),
            BlockSizes(bottleneck=c.voice_bottleneck, hidden=c.voice_hidden, kernel=c.kernel),
            blocks=c.voice_blocks,
            embedding_dim=c.voice_dim,
        )
        if c.speakers:
            self.speakers = CosineSpeakerHead(
                embedding_dim=c.voice_dim, num_speakers=c.speakers, temperature=c.temperature
            )

    def embed(self, enrollment: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, D] of unit length of signals [B, T], zeros past the lengths [B]."""
        return F.normalize(self.voices(enrollment, lengths), dim=-1)

    def embed_each(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, N, D] of signals [B, N, T], zeros past the lengths [B]."""
        count = outputs.shape[1]
        embeddings = self.embed(outputs.flatten(0, 1), lengths.repeat_interleave(count))
        return embeddings.view(-1, count, embeddings.shape[-1])

    def extract(self, mixture: Tensor, lengths: Tensor, embedding: Tensor) -> Tensor:
        """Separate mixtures [B, T] and return the output [B, T] nearest to the embedding."""
        outputs: Tensor = self.separator(mixture, lengths)
        return nearest(outputs, similarities(self.embed_each(outputs, lengths), embedding))


def similarities(candidates: Tensor, wanted: Tensor) -> Tensor:
    """Cosines [B, N] of embeddings [B, N, D] and [B, D] of unit length."""
    return (candidates * wanted[:, None]).sum(dim=-1)


def nearest(outputs: Tensor, cosines: Tensor) -> Tensor:
    """The signal [B, T] of [B, N, T] with the highest of the cosines [B, N]."""
    rows = torch.arange(len(outputs), device=outputs.device)
    return outputs[rows, cosines.argmax(dim=1)]
