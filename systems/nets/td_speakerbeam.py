"""Network of TD-SpeakerBeam: a Conv-TasNet of which one block is adapted to an enrollment."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import Tensor

from .conditioning import conditioning
from .conv_tasnet import Extractor, ExtractorConfig
from .enrollment import EnrolledNet, StackEmbedder
from .filterbank import Decoder, Encoder
from .past import Past
from .speaker_head import SpeakerHead
from .tcn import Block, accumulate, apply_mask

Size = Annotated[int, Field(gt=0)] | None


class TdSpeakerBeamConfig(ExtractorConfig):
    """Hyper-parameters (Delcroix et al., ICASSP 2020; its public recipe, 8 kHz).

    Those of the auxiliary network are those of the extraction network unless set.

    Attributes:
        embedding_dim: D, entries of the embedding, for each of the paths that are adapted.
        encoder: whether the encoders have a ReLU; those of the public recipe are linear.
        adapted: features that are conditioned: the outputs of one "block", as in the public recipe, or the sums of the
            first stacks ("features"), as in SoundBeam.
        adapted_block: index of the conditioned block, counted over all stacks from 0; null: the last one before
            `conditioned_after`.
        frames: "covering" pads so that all samples lie in equally many frames; "inside" does not pad, as the public
            code.
        normalise: normalise signals to unit RMS inside and scale the estimate back; the public code does not. A causal
            network normalises its enrollments alone, since the level of a mixture is known at its end.
        aux_num_filters: N of the auxiliary network; null: `num_filters`.
        aux_filter_length: L of the auxiliary network, in samples, whose stride is L/2; null: `filter_length`.
        aux_hidden: H of the auxiliary network; null: `hidden`.
        aux_blocks: X of the auxiliary network; null: `blocks`.
        speakers: outputs of a classifier of the training speakers on the embedding; 0 has none.
        speaker_loss: weight of the classifier's cross-entropy in the training loss.
    """

    num_filters: int = 512
    filter_length: int = 16
    bottleneck: int = 128
    skip: int = 128
    stacks: int = 3
    embedding_dim: int = 128
    encoder: Literal["relu", "linear"] = "linear"
    adapted: Literal["block", "features"] = "block"
    adapted_block: Annotated[int, Field(ge=0)] | None = None
    frames: Literal["covering", "inside"] = "covering"
    normalise: bool = True
    aux_num_filters: Size = None
    aux_filter_length: Size = None
    aux_hidden: Size = None
    aux_blocks: Annotated[int, Field(gt=0, le=14)] | None = None
    speakers: Annotated[int, Field(ge=0, le=100_000)] = 0
    speaker_loss: Annotated[float, Field(ge=0)] = 0.5

    @model_validator(mode="after")
    def _check_adapted(self) -> TdSpeakerBeamConfig:
        if self.adapted_block is not None and self.adapted_block >= self.stacks * self.blocks:
            raise ValueError(
                f"adapted_block = {self.adapted_block} must be below stacks * blocks = {self.stacks * self.blocks}"
            )
        return self

    @property
    def streams(self) -> bool:
        """Whether no layer sees future frames, and frames cover the samples of a stream from its beginning."""
        return super().streams and self.frames == "covering"


class TdSpeakerBeamNet(EnrolledNet[TdSpeakerBeamConfig, Tensor]):
    """Auxiliary network and extraction network."""

    def __init__(self, config: TdSpeakerBeamConfig) -> None:
        super().__init__(config)
        self.extractor = AdaptedExtractor(config)
        self.auxiliary = auxiliary_of(config, num_paths=self.extractor.num_paths)
        if config.speakers:
            dim = config.embedding_dim * self.extractor.num_paths
            self.speakers = SpeakerHead(embedding_dim=dim, num_speakers=config.speakers)

    def embed(self, enrollment: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, 2 D], or [B, D] without skip paths."""
        embedding: Tensor = self.auxiliary(enrollment, lengths)
        return embedding

    def extract(self, mixture: Tensor, lengths: Tensor, embedding: Tensor) -> Tensor:
        """Estimates [B, T]."""
        estimate: Tensor = self.extractor(mixture, lengths, embedding)
        return estimate


class AdaptedExtractor(Extractor):
    """Conv-TasNet that adapts the outputs of one block, the last one before `conditioned_after` unless it is chosen.

    The block's residual and its skip output are conditioned on one half of the embedding each, before they are added to
    those of the other blocks; with `adapted: features`, the sums are conditioned.
    """

    def __init__(self, config: TdSpeakerBeamConfig) -> None:
        super().__init__(config, bank=_bank(config))
        self.normalises = config.normalise and not config.causal
        last = config.conditioned_after * config.blocks - 1
        self.adapted_block = last if config.adapted_block is None else config.adapted_block
        self.adapts_sums = config.adapted == "features"
        self.num_paths = 2 if config.skip else 1
        if config.skip:
            self.skip_conditioning = conditioning(
                config.conditioning, num_channels=config.skip, embedding_dim=config.embedding_dim
            )

    def _logits_of(self, features: Tensor, embedding: Tensor, mask: Tensor | None, past: Past | None = None) -> Tensor:
        total: Tensor | None = None
        for index, block in enumerate(self._blocks()):
            residual, skipped = block.paths(block.widen(features), mask, past)
            here = index == self.adapted_block
            if here and not self.adapts_sums:
                residual, skipped = self._adapted(residual, skipped, embedding, mask)
            features = features + residual
            total = accumulate(total, skipped)
            if here and self.adapts_sums:
                features, total = self._adapted(features, total, embedding, mask)
        logits: Tensor = self.output(self.output_activation(features if total is None else total))
        return logits

    def _adapted(
        self, features: Tensor, skipped: Tensor | None, embedding: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        clues = embedding.chunk(self.num_paths, dim=1)
        features = apply_mask(self.conditioning(features, clues[0]), mask)
        return features, None if skipped is None else self.skip_conditioning(skipped, clues[1])

    def _blocks(self) -> list[Block]:
        return [block for stack in (*self.before, *self.after) for block in stack.blocks]


def _bank(config: TdSpeakerBeamConfig) -> tuple[Encoder, Decoder]:
    filters, length, covering = config.num_filters, config.filter_length, config.frames == "covering"
    rectify = config.encoder == "relu"
    return (
        Encoder(num_filters=filters, filter_length=length, stride=config.hop, rectify=rectify, covering=covering),
        Decoder(num_filters=filters, filter_length=length, stride=config.hop, covering=covering),
    )


def auxiliary_of(config: TdSpeakerBeamConfig, *, num_paths: int) -> StackEmbedder:
    """The auxiliary network, whose embeddings have a part for each path that is adapted."""
    length = config.aux_filter_length or config.filter_length
    return StackEmbedder(
        Encoder(
            num_filters=config.aux_num_filters or config.num_filters,
            filter_length=length,
            stride=max(1, length // 2) if config.aux_filter_length else config.hop,
            rectify=config.encoder == "relu",
            covering=config.frames == "covering",
        ),
        replace(config.block, hidden=config.aux_hidden or config.hidden, norm="global", causal=False),
        blocks=config.aux_blocks or config.blocks,
        embedding_dim=num_paths * config.embedding_dim,
        normalise=config.normalise,
    )
