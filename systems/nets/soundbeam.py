"""Network of SoundBeam: class embeddings, an enrollment encoder, both in one space, or an encoder of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from .conv_tasnet import Extractor
from .enrollment import StackEmbedder, join_enrollments
from .filterbank import Encoder
from .foundation import Foundation, FoundationEmbedder, FoundationExtractor, FoundationExtractorConfig
from .label_embedding import embed, fresh_columns
from .spelled_words import words_of
from .text_encoder import TextConfig, TextEncoder

_CLIPS_AT_ONCE = 16

Variant = Literal["1hot", "enrl", "mixed", "mixed_el", "text"]

Clips = Sequence[Tensor]
"""Recordings [T_k] of one class."""


class SoundBeamConfig(FoundationExtractorConfig, TextConfig):
    """Hyper-parameters of the extraction network and of the clues.

    Attributes:
        variant: "1hot" has class embeddings, "enrl" an enrollment encoder, "mixed" both, trained together; "mixed_el"
            adds a loss on the distance of the two embeddings of a query; "text" has an encoder of texts, for which the
            hyper-parameters `text_...` are. All of them take features of a foundation model (`features...`).
        enrollment_blocks: X of the enrollment encoder, which is one stack; null: `blocks`.
        embedding_weight: α, weight of the embeddings' distance in the training loss (eq. 5), for "mixed_el".
    """

    variant: Variant = "1hot"
    enrollment_blocks: Annotated[int, Field(gt=0, le=14)] | None = None
    embedding_weight: Annotated[float, Field(ge=0)] = 3.0

    @property
    def takes_classes(self) -> bool:
        """Whether there are class embeddings."""
        return self.variant not in ("enrl", "text")

    @property
    def takes_enrollments(self) -> bool:
        """Whether there is an enrollment encoder."""
        return self.variant not in ("1hot", "text")

    @property
    def takes_texts(self) -> bool:
        """Whether there is an encoder of texts."""
        return self.variant == "text"


class SoundBeamNet(nn.Module):
    """Conditioned Conv-TasNet with its embeddings of clues, for a vocabulary of V labels."""

    embedding: nn.Parameter | None

    def __init__(self, config: SoundBeamConfig, *, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.classes = classes
        self.config = c = config
        self.foundation = foundation = Foundation(c) if c.features else None
        if foundation is not None and c.features_of_mixture:
            self.extractor: Extractor = FoundationExtractor(c, foundation.__call__)
        else:
            self.extractor = Extractor(c)
        # Rows are the columns of the paper's W.
        columns = nn.Parameter(fresh_columns(len(classes), c.embedding_dim))
        self.register_parameter("embedding", columns if c.takes_classes else None)
        self.enrollment = _enrollment_encoder(c, foundation) if c.takes_enrollments else None
        # Until there are captions, the words are those of the labels.
        words = [word for label in classes for word in words_of(label)]
        self.text = TextEncoder(c, dim=c.embedding_dim, words=words) if c.takes_texts else None

    def class_embedding(self, query: Tensor) -> Tensor:
        """W o [B, D] of multi-hot queries o [B, V] (eq. 3); a TypeError without class embeddings."""
        if self.embedding is None:
            raise TypeError(f"variant {self.config.variant!r} has no class embeddings")
        return embed(query, self.embedding)

    def enrollment_embedding(self, queries: Sequence[Sequence[Clips]]) -> Tensor:
        """Embeddings [B, D] of the recordings, at least one, of each class of each query.

        The encoded recordings of a class are averaged (eq. 8), and the classes of a query are summed, as they are in W
        o; a TypeError without an enrollment encoder.
        """
        encoded = self._encoded([clip for query in queries for clips in query for clip in clips])
        rows: list[Tensor] = []
        start = 0
        for query in queries:
            means: list[Tensor] = []
            for clips in query:
                means.append(encoded[start : start + len(clips)].mean(dim=0))
                start += len(clips)
            rows.append(torch.stack(means).sum(dim=0))
        return torch.stack(rows)

    def text_embedding(self, texts: Sequence[str], negative: Sequence[str | None]) -> Tensor:
        """Embeddings [B, D] of texts, and of those on what is not wanted; a TypeError without an encoder of texts."""
        if self.text is None:
            raise TypeError(f"variant {self.config.variant!r} has no encoder of texts")
        embeddings: Tensor = self.text(texts, negative)
        return embeddings

    def _encoded(self, clips: Clips) -> Tensor:
        """Embeddings [K, D] of recordings, a few at a time: there may be ten for each query."""
        if self.enrollment is None:
            raise TypeError(f"variant {self.config.variant!r} has no enrollment encoder")
        device = self.extractor.bottleneck.weight.device
        parts: list[Tensor] = []
        for start in range(0, len(clips), _CLIPS_AT_ONCE):
            some = [[clip] for clip in clips[start : start + _CLIPS_AT_ONCE]]
            parts.append(self.enrollment(*join_enrollments(some, device=device)))
        return torch.cat(parts)

    def forward(self, mixture: Tensor, lengths: Tensor, query: Tensor) -> Tensor:
        """Estimates [B, T] of mixtures [B, T], zeros past the lengths [B], for queries [B, V]."""
        estimate: Tensor = self.extractor(mixture, lengths, self.class_embedding(query))
        return estimate


def by_class(clips: Clips, *, num_classes: int) -> list[Clips]:
    """Share enrollments out among the classes of a query, in order, equally many for each.

    All clips are of one target if the query names no class; a ValueError if they cannot be shared out.
    """
    groups = max(1, num_classes)
    size, left = divmod(len(clips), groups)
    if left or not size:
        raise ValueError(
            f"{len(clips)} enrollments cannot be shared out among {groups} classes; give as many for each class"
        )
    return [clips[start : start + size] for start in range(0, len(clips), size)]


def _enrollment_encoder(config: SoundBeamConfig, foundation: Foundation | None) -> StackEmbedder | FoundationEmbedder:
    c = config
    if foundation is not None and c.features_of_clue:
        return FoundationEmbedder(c, foundation.__call__)
    encoder = StackEmbedder(
        Encoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop),
        # Not causal in any case, since the whole enrollment is given.
        replace(c.block, causal=False),
        blocks=c.enrollment_blocks or c.blocks,
        embedding_dim=c.embedding_dim,
    )
    # Around one as the class embeddings are: a clue that neither mutes nor flips channels.
    with torch.no_grad():
        dict(encoder.output.named_parameters())["bias"].add_(1.0)
    return encoder
