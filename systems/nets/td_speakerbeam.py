"""The extraction network of TD-SpeakerBeam: a Conv-TasNet of which one block is adapted."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import Field
from torch import Tensor, nn

from .conditioning import conditioning
from .conv_tasnet import Extractor, ExtractorConfig
from .enrollment import StackEmbedder
from .filterbank import Decoder, Encoder
from .speaker_head import SpeakerHead
from .tcn import Block, apply_mask


class AdaptedConfig(ExtractorConfig):
    """Hyper-parameters of TD-SpeakerBeam (Delcroix et al., ICASSP 2020; its public recipe, 8 kHz).

    Attributes:
        embedding_dim: D, for each of the paths that are adapted.
        encoder: whether the encoders have a ReLU; those of the public recipe are linear.
        adapted: what the clue meets: the outputs of one "block", as in the public recipe, or the
            "features" that the first stacks sum up to, as in SoundBeam.
        frames: "covering" puts as many over each sample; "inside" has those that lie inside of the
            signal, as the public code.
        normalise: whether signals are brought to unit RMS inside, and the estimate back to the
            level of the mixture; the public code takes them as they are.
    """

    num_filters: int = 512
    filter_length: int = 16
    bottleneck: int = 128
    skip: int = 128
    stacks: int = 3
    embedding_dim: int = 128
    encoder: Literal["relu", "linear"] = "linear"
    adapted: Literal["block", "features"] = "block"
    frames: Literal["covering", "inside"] = "covering"
    normalise: bool = True


class AdaptedExtractor(Extractor):
    """Conv-TasNet in which the clue meets the outputs of the last block before `conditioned_after`.

    The block's residual and its skip output meet one half of the embedding each, before they are
    added to what the other blocks gave; with `adapted: features`, the sums meet them.
    """

    def __init__(self, config: AdaptedConfig) -> None:
        super().__init__(config)
        self.normalises = config.normalise
        self.adapted_block = config.conditioned_after * config.blocks - 1
        self.adapts_sums = config.adapted == "features"
        self.num_paths = 2 if config.skip else 1
        if config.skip:
            self.skip_conditioning = conditioning(
                config.conditioning, num_channels=config.skip, embedding_dim=config.embedding_dim
            )

    def _bank(self, config: ExtractorConfig) -> tuple[Encoder, Decoder]:
        c = cast(AdaptedConfig, config)
        bank = {"num_filters": c.num_filters, "filter_length": c.filter_length, "stride": c.hop}
        covering = c.frames == "covering"
        return (
            Encoder(**bank, rectify=c.encoder == "relu", covering=covering),
            Decoder(**bank, covering=covering),
        )

    def _mask_logits(self, encoded: Tensor, embedding: Tensor, mask: Tensor | None) -> Tensor:
        """Of features [B, N, K] and an embedding [B, 2 D], or [B, D] without skip paths."""
        features = apply_mask(self.bottleneck(self.norm(encoded, mask)), mask)
        total: Tensor | None = None
        for index, block in enumerate(self._blocks()):
            residual, skipped = block.paths(block.widen(features), mask)
            here = index == self.adapted_block
            if here and not self.adapts_sums:
                residual, skipped = self._adapted(residual, skipped, embedding, mask)
            features = features + residual
            if skipped is not None:
                total = skipped if total is None else total + skipped
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


Size = Annotated[int, Field(gt=0)] | None


class TdSpeakerBeamConfig(AdaptedConfig):
    """Hyper-parameters; the auxiliary network has those of the extraction network unless set.

    Attributes:
        aux_num_filters: N of the auxiliary network.
        aux_filter_length: L of the auxiliary network, in samples; its stride is L/2.
        aux_hidden: H of the auxiliary network.
        aux_blocks: X of the auxiliary network.
        speakers: outputs of a classifier of the training speakers on the embedding; 0 has none.
        speaker_loss: weight of its cross-entropy; for training only.
    """

    aux_num_filters: Size = None
    aux_filter_length: Size = None
    aux_hidden: Size = None
    aux_blocks: Annotated[int, Field(gt=0, le=14)] | None = None
    speakers: Annotated[int, Field(ge=0, le=100_000)] = 0
    speaker_loss: Annotated[float, Field(ge=0)] = 0.5


class TdSpeakerBeamNet(nn.Module):
    """Auxiliary network and extraction network."""

    def __init__(self, config: TdSpeakerBeamConfig) -> None:
        super().__init__()
        self.config = config
        self.extractor = AdaptedExtractor(config)
        self.auxiliary = _auxiliary(config, num_paths=self.extractor.num_paths)
        self.speakers: SpeakerHead | None = None
        if config.speakers:
            dim = config.embedding_dim * self.extractor.num_paths
            self.speakers = SpeakerHead(embedding_dim=dim, num_speakers=config.speakers)

    def forward(
        self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> Tensor:
        """Extract the voice of the enrollment.

        Args:
            mixture: [B, T], zeros past each length.
            lengths: [B].
            enrollment: [B, T'], zeros past each length.
            enrollment_lengths: [B].

        Returns:
            The estimate [B, T].
        """
        embedding = self.auxiliary(enrollment, enrollment_lengths)
        estimate: Tensor = self.extractor(mixture, lengths, embedding)
        return estimate


def _auxiliary(config: TdSpeakerBeamConfig, *, num_paths: int) -> StackEmbedder:
    length = config.aux_filter_length or config.filter_length
    return StackEmbedder(
        num_filters=config.aux_num_filters or config.num_filters,
        filter_length=length,
        stride=max(1, length // 2) if config.aux_filter_length else config.hop,
        rectify=config.encoder == "relu",
        blocks=config.aux_blocks or config.blocks,
        bottleneck=config.bottleneck,
        hidden=config.aux_hidden or config.hidden,
        kernel=config.kernel,
        skip=config.skip,
        norm="global",
        embedding_dim=num_paths * config.embedding_dim,
        covering=config.frames == "covering",
        normalise=config.normalise,
    )
